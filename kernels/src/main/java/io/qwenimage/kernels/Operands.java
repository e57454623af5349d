package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;

/** What launchers check in the same way, and the arithmetic of their grids. */
final class Operands {
    /** Bytes of the widest access of a thread. */
    static final int ACCESS_BYTES = 16;
    static final int WARP = 32;
    /** Blocks along y that fill any device; kernels stride over what lies beyond. */
    static final int MOST_BLOCKS_Y = 8192;

    private Operands() {
    }

    /** A tensor of one of the types that activations may have. */
    static TensorView floating(final String name, final TensorView view) {
        return view.requireType(name, ElementType.BF16, ElementType.F16, ElementType.F32);
    }

    /** A matrix whose elements lie one after the other within a row. */
    static TensorView matrix(final String name, final TensorView view) {
        return floating(name, view).requireShape(name, -1, -1).requireRows(name);
    }

    /** A contiguous tensor of this type and shape. */
    static TensorView dense(final String name, final TensorView view, final ElementType type, final long... shape) {
        return view.requireType(name, type).requireShape(name, shape).requireContiguous(name);
    }

    /** A contiguous tensor of this type and shape, or null. */
    static TensorView optional(final String name, final TensorView view, final ElementType type,
            final long... shape) {
        return view == null ? null : dense(name, view, type, shape);
    }

    /** Elements that one access of a thread moves. */
    static int vector(final ElementType type) {
        return ACCESS_BYTES / type.bytes();
    }

    /** Blocks along y for so many rows. */
    static long blocksY(final long rows) {
        return Math.min(rows, MOST_BLOCKS_Y);
    }

    static int roundUp(final int value, final int multiple) {
        return Math.ceilDiv(value, multiple) * multiple;
    }

    /** The power of two that is not smaller. */
    static int powerOfTwo(final int value) {
        return value <= 1 ? 1 : Integer.highestOneBit(value - 1) << 1;
    }
}
