package io.qwenimage.ptx.tensor;

import java.util.Arrays;

/** The pieces of a bulk copy: runs of bytes that lie side by side both in global and in shared memory. */
final class Segments {
    /** The global address of a piece that lies outside of its tensor. */
    static final long OUTSIDE = -1;
    private static final int PIECE = 16;

    private long[] global = new long[64];
    private int[] shared = new int[64];
    private int[] lengths = new int[64];
    private int count;

    /** One run of bytes. */
    static Segments flat(final long global, final int shared, final int bytes) {
        final Segments segments = new Segments();
        segments.add(global, shared, bytes);
        return segments;
    }

    /**
     * The pieces of a box.
     *
     * @param start address in shared memory at which the box begins
     * @param origin what is subtracted from shared addresses to make offsets
     */
    static Segments of(final TensorBox box, final int start, final int origin) {
        final Segments segments = new Segments();
        final TensorMap map = box.map();
        final int element = map.element().bytes();
        final int columns = map.copied(0);
        final int perPiece = map.elementStrides()[0] == 1 ? PIECE / element : 1;
        for (int row = 0; row < map.rows(); row++) {
            for (int column = 0; column < columns; column += perPiece) {
                final int last = Math.min(column + perPiece, columns) - 1;
                final long first = box.globalAddress(row, column);
                if (first != OUTSIDE && box.globalAddress(row, last) != OUTSIDE) {
                    segments.add(first, box.sharedAddress(start, row, column) - origin, (last - column + 1) * element);
                } else {
                    for (int each = column; each <= last; each++) {
                        segments.add(box.globalAddress(row, each), box.sharedAddress(start, row, each) - origin,
                            element);
                    }
                }
            }
        }
        return segments;
    }

    int count() {
        return count;
    }

    long global(final int index) {
        return global[index];
    }

    /** Offset in shared memory. */
    int shared(final int index) {
        return shared[index];
    }

    int length(final int index) {
        return lengths[index];
    }

    private void add(final long globalAddress, final int sharedOffset, final int bytes) {
        if (count == global.length) {
            global = Arrays.copyOf(global, 2 * count);
            shared = Arrays.copyOf(shared, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        global[count] = globalAddress;
        shared[count] = sharedOffset;
        lengths[count++] = bytes;
    }
}
