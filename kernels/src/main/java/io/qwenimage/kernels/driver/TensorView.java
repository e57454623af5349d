package io.qwenimage.kernels.driver;

import java.util.Arrays;

/**
 * A tensor in device memory as typed launchers take it: where it begins, its elements, its shape and its strides. It
 * owns nothing; whoever made it keeps the memory alive until the work that uses it has run.
 *
 * @param address of the first element in the device's memory; a multiple of the element's size
 * @param type of the elements
 * @param shape sizes, slowest first; none is negative
 * @param strides distance of neighbours along each axis in elements
 */
public record TensorView(long address, ElementType type, long[] shape, long[] strides) {
    /** Checks that rank, sizes and the address agree. */
    public TensorView {
        if (shape.length != strides.length) {
            throw new IllegalArgumentException("shape " + Arrays.toString(shape) + " has " + shape.length
                    + " axes, strides " + Arrays.toString(strides) + " have " + strides.length);
        }
        for (final long size : shape) {
            if (size < 0) {
                throw new IllegalArgumentException("shape " + Arrays.toString(shape) + " has a negative size");
            }
        }
        if (address % type.bytes() != 0) {
            throw new IllegalArgumentException("address 0x" + Long.toHexString(address) + " is no multiple of "
                    + type.bytes() + ", the size of " + type);
        }
        shape = shape.clone();
        strides = strides.clone();
    }

    /** A tensor whose elements lie one after the other, the last axis fastest. */
    public static TensorView of(final long address, final ElementType type, final long... shape) {
        return new TensorView(address, type, shape, contiguousStrides(shape));
    }

    /**
     * A contiguous tensor at the beginning of a buffer.
     *
     * @throws IllegalArgumentException if the buffer is too small for it
     */
    public static TensorView of(final DeviceBuffer buffer, final ElementType type, final long... shape) {
        final TensorView view = of(buffer.address(), type, shape);
        if (view.elements() * type.bytes() > buffer.bytes()) {
            throw new IllegalArgumentException(view + " needs " + view.elements() * type.bytes()
                    + " bytes, the buffer has "
                    + buffer.bytes());
        }
        return view;
    }

    /** Number of axes. */
    public int rank() {
        return shape.length;
    }

    /** Size along an axis; negative axes count from the last. */
    public long size(final int axis) {
        return shape[axis < 0 ? axis + shape.length : axis];
    }

    /** Stride of an axis in elements; negative axes count from the last. */
    public long stride(final int axis) {
        return strides[axis < 0 ? axis + strides.length : axis];
    }

    /** Number of elements. */
    public long elements() {
        return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    /** Whether elements lie one after the other; axes of size 1 may have any stride. */
    public boolean isContiguous() {
        final long[] expected = contiguousStrides(shape);
        for (int axis = 0; axis < shape.length; axis++) {
            if (shape[axis] > 1 && strides[axis] != expected[axis] && elements() > 0) {
                return false;
            }
        }
        return true;
    }

    /** The part {@code [from, to)} along an axis. */
    public TensorView slice(final int axis, final long from, final long to) {
        if (from < 0 || from > to || to > shape[axis]) {
            throw new IllegalArgumentException("slice " + from + " to " + to + " along axis " + axis + " of " + this);
        }
        final long[] sliced = shape.clone();
        sliced[axis] = to - from;
        return new TensorView(address + from * strides[axis] * type.bytes(), type, sliced, strides);
    }

    /** A contiguous tensor seen with another shape of as many elements. */
    public TensorView reshape(final long... other) {
        requireContiguous("reshaped tensor");
        final TensorView view = of(address, type, other);
        if (view.elements() != elements()) {
            throw new IllegalArgumentException(this + " cannot be seen as " + Arrays.toString(other));
        }
        return view;
    }

    /**
     * @param name of the argument in the message
     * @throws IllegalArgumentException unless the type is among those given
     */
    public TensorView requireType(final String name, final ElementType... types) {
        if (!Arrays.asList(types).contains(type)) {
            throw new IllegalArgumentException(name + " is " + this + ", but must be of " + Arrays.toString(types));
        }
        return this;
    }

    /**
     * @param name of the argument in the message
     * @param expected sizes; a negative one stands for any
     * @throws IllegalArgumentException unless the shape is as expected
     */
    public TensorView requireShape(final String name, final long... expected) {
        boolean same = expected.length == shape.length;
        for (int axis = 0; same && axis < expected.length; axis++) {
            same = expected[axis] < 0 || expected[axis] == shape[axis];
        }
        if (!same) {
            throw new IllegalArgumentException(name + " is " + this + ", but must have the shape "
                    + Arrays.toString(expected).replaceAll("-\\d+", "any"));
        }
        return this;
    }

    /**
     * @param name of the argument in the message
     * @throws IllegalArgumentException unless elements lie one after the other
     */
    public TensorView requireContiguous(final String name) {
        if (!isContiguous()) {
            throw new IllegalArgumentException(name + " is " + this + " with strides " + Arrays.toString(strides)
                    + ", but must be contiguous");
        }
        return this;
    }

    /**
     * @param name of the argument in the message
     * @throws IllegalArgumentException unless the last axis has stride 1 (or at most one element)
     */
    public TensorView requireRows(final String name) {
        if (rank() == 0 || size(-1) > 1 && stride(-1) != 1) {
            throw new IllegalArgumentException(name + " is " + this + " with strides " + Arrays.toString(strides)
                    + ", but its last axis must have stride 1");
        }
        return this;
    }

    /**
     * @param name of the argument in the message
     * @param bytes what the address, and the stride of every axis but the last in bytes, must be a multiple of
     * @throws IllegalArgumentException unless they are
     */
    public TensorView requireAlignment(final String name, final int bytes) {
        if (address % bytes != 0) {
            throw new IllegalArgumentException(name + " is " + this + " at address 0x" + Long.toHexString(address)
                    + ", but must begin at a multiple of " + bytes + " bytes");
        }
        for (int axis = 0; axis < rank() - 1; axis++) {
            if (shape[axis] > 1 && strides[axis] * type.bytes() % bytes != 0) {
                throw new IllegalArgumentException(name + " is " + this + " with strides " + Arrays.toString(strides)
                        + ", but stride " + axis + " must be a multiple of " + bytes + " bytes");
            }
        }
        return this;
    }

    private static long[] contiguousStrides(final long[] shape) {
        final long[] strides = new long[shape.length];
        long stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride = Math.multiplyExact(stride, Math.max(shape[axis], 1));
        }
        return strides;
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public long[] strides() {
        return strides.clone();
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof final TensorView view && address == view.address && type == view.type
                && Arrays.equals(shape, view.shape) && Arrays.equals(strides, view.strides);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(address) * 31 + Arrays.hashCode(shape);
    }

    @Override
    public String toString() {
        return type + Arrays.toString(shape);
    }
}
