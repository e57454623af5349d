package io.qwenimage.ptx.tensor;

import java.util.Arrays;

/**
 * Where the rows of one box of a tensor map lie in global memory and in shared memory. A row is what the innermost axis
 * gives: up to 256 elements.
 */
public final class TensorBox {
    /** The unit of the copy engine, in bytes. */
    static final int GRANULE = 16;

    private final TensorMap map;
    private final int[] origin;

    /**
     * @param map the tensor
     * @param origin coordinates of the box's first element, the innermost first; may be negative or beyond the tensor,
     *     but the innermost has to come to a multiple of 16 bytes: a device stops elsewhere with an illegal instruction
     */
    public TensorBox(final TensorMap map, final int[] origin) {
        if (origin.length != map.rank()) {
            throw new IllegalArgumentException("a copy of " + origin.length + " dimensions with a tensor map of "
                + map.rank());
        }
        final long start = (long) origin[0] * map.element().bytes();
        if (start % GRANULE != 0) {
            throw new IllegalArgumentException("the innermost coordinate " + origin[0] + " of a copy is " + start
                + " bytes from the tensor's edge, accepted: multiples of " + GRANULE);
        }
        this.map = map;
        this.origin = origin.clone();
    }

    public TensorMap map() {
        return map;
    }

    /** Global address of an element of the box, or -1 when it lies outside the tensor. */
    public long globalAddress(final int row, final int column) {
        final long inner = origin[0] + column;
        if (inner < 0 || inner >= map.dimensions()[0]) {
            return -1;
        }
        long address = map.address() + inner * map.element().bytes();
        int left = row;
        for (int axis = 1; axis < map.rank(); axis++) {
            final int count = map.copied(axis);
            final long at = origin[axis] + (long) (left % count) * map.step(axis);
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
