package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.text.PtxType;

/**
 * What a {@code wgmma.mma_async} instruction computes, apart from where its operands lie.
 *
 * @param shape sizes and types
 * @param negatedLeft whether A is taken with the other sign
 * @param negatedRight whether B is taken with the other sign
 * @param saturates whether integers stop at their limits
 */
record WarpgroupMultiply(WarpgroupShape shape, boolean negatedLeft, boolean negatedRight, boolean saturates) {

    /** Adds one warp's part of the product to its accumulator. */
    void execute(final Warp warp, final WarpgroupOperand left, final int[][] leftRegisters,
        final WarpgroupOperand right,
                 final WarpgroupAccumulator accumulator, final boolean accumulates) {
        final int firstRow = warp.index() % 4 * WarpgroupProduct.ROWS;
        final float[] a = left != null ? left.byRow(firstRow, WarpgroupProduct.ROWS, negatedLeft)
            : fragment(leftRegisters);
        final float[] b = right.byDepth(negatedRight);
        if (shape.isInteger()) {
            final int[] d = accumulator.integers(!accumulates);
            WarpgroupProduct.addIntegers(a, b, d, shape.depth(), shape.n(), saturates);
            accumulator.setIntegers(d);
        } else {
            final float[] d = accumulator.floats(!accumulates);
            WarpgroupProduct.addFloats(a, b, d, shape.depth(), shape.n());
            accumulator.setFloats(d);
        }
    }

    private float[] fragment(final int[][] registers) {
        final PtxType type = shape.left();
        final int bytes = type.bits() / 8;
        final float[] a = new float[WarpgroupProduct.ROWS * shape.depth()];
        for (int register = 0; register < registers.length; register++) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                for (int index = 0; index < Integer.BYTES / bytes; index++) {
                    final float value = TensorFloat.value(type, registers[register][lane] >>> index * type.bits());
                    a[WarpgroupFragment.operandRow(lane, register) * shape.depth()
                        + WarpgroupFragment.operandDepth(lane, register, bytes, index)] = negatedLeft ? -value : value;
                }
            }
        }
        return a;
    }
}
