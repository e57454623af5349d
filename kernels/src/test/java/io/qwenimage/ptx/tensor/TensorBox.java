package io.qwenimage.ptx.tensor;

import java.util.Arrays;

/**
 * Where the rows of one box of a tensor map lie in global memory and in shared memory. A row is what the innermost axis
 * gives: up to 256 elements.
 */
public final class TensorBox {
    private final TensorMap map;
    private final int[] origin;

    /**
     * @param map the tensor
     * @param origin coordinates of the box's first element, the innermost first; may be negative or beyond the tensor
     */
    public TensorBox(final TensorMap map, final int[] origin) {
        if (origin.length != map.rank()) {
            throw new IllegalArgumentException("a copy of " + origin.length + " dimensions with a tensor map of "
                + map.rank());
        }
        this.map = map;
        this.origin = origin.clone();
    }

    public TensorMap map() {
        return map;
    }

    /** Global address of an element of the box, or -1 when it lies outside the tensor. */
    public long globalAddress(final int row, final int column) {
        final long inner = origin[0] + (long) column * map.elementStrides()[0];
        if (inner < 0 || inner >= map.dimensions()[0]) {
            return -1;
        }
        long address = map.address() + inner * map.element().bytes();
        int left = row;
        for (int axis = 1; axis < map.rank(); axis++) {
            final int count = map.copied(axis);
            final long at = origin[axis] + (long) (left % count) * map.elementStrides()[axis];
            left /= count;
            if (at < 0 || at >= map.dimensions()[axis]) {
                return -1;
            }
            address += at * map.strides()[axis - 1];
        }
        return address;
    }

    /**
     * Where an element lies in shared memory.
     *
     * @param start the copy's address in shared memory
     */
    public int sharedAddress(final int start, final int row, final int column) {
        return map.swizzle().apply(start + row * map.pitch() + column * map.element().bytes());
    }

    @Override
    public String toString() {
        return "box at " + Arrays.toString(origin) + " of " + map;
    }
}
