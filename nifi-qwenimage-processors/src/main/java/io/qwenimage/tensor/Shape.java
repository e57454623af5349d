package io.qwenimage.tensor;

import java.util.Arrays;

/** The extents of a tensor, outermost first; immutable. */
public final class Shape {
    private final long[] extents;

    private Shape(final long[] extents) {
        this.extents = extents;
    }

    /**
     * A shape of the given extents.
     *
     * @throws IllegalArgumentException if an extent is negative
     * @throws ArithmeticException      if the element count exceeds 63 bits
     */
    public static Shape of(final long... extents) {
        long elements = 1;
        for (final long extent : extents) {
            if (extent < 0) {
                throw new IllegalArgumentException("negative extent in shape " + Arrays.toString(extents));
            }
            elements = Math.multiplyExact(elements, extent);
        }
        return new Shape(extents.clone());
    }

    /** Number of axes. */
    public int rank() {
        return extents.length;
    }

    /** Extent of an axis; negative axes count from the innermost, so {@code -1} is the last. */
    public long extent(final int axis) {
        return extents[axis < 0 ? extents.length + axis : axis];
    }

    /** Extent of an axis as an {@code int}. */
    public int intExtent(final int axis) {
        return Math.toIntExact(extent(axis));
    }

    /** Number of elements; 1 for a scalar. */
    public long elements() {
        long elements = 1;
        for (final long extent : extents) {
            elements *= extent;
        }
        return elements;
    }

    /** Number of rows when all axes but the last are folded into one. */
    public long rows() {
        return extents.length == 0 || extent(-1) == 0 ? 0 : elements() / extent(-1);
    }

    /** A copy of the extents. */
    public long[] toArray() {
        return extents.clone();
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof Shape shape && Arrays.equals(extents, shape.extents);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(extents);
    }

    @Override
    public String toString() {
        return Arrays.toString(extents);
    }
}
