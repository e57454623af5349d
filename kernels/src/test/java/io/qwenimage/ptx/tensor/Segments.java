package io.qwenimage.ptx.tensor;

import java.util.Arrays;

/**
 * The pieces of a bulk copy: runs of bytes that lie side by side both in global and in shared memory.
 *
 * <p>A tensor store clips the innermost axis only at the next multiple of 16 bytes (an H200 does; outer axes are
 * clipped exactly): the bytes from the tensor's edge to there, which are padding between its rows, are pieces that
 * spill.
 */
final class Segments {
    /** The global address of a piece that lies outside of its tensor. */
    static final long OUTSIDE = -1;

    private long[] global = new long[64];
    private int[] shared = new int[64];
    private int[] lengths = new int[64];
    private boolean[] spills = new boolean[64];
    private int count;

    /** One run of bytes. */
    static Segments flat(final long global, final int shared, final int bytes) {
        final Segments segments = new Segments();
        segments.add(global, shared, bytes, false);
        return segments;
    }

    /**
     * The pieces of a box that is loaded.
     *
     * @param start address in shared memory at which the box begins
     * @param origin what is subtracted from shared addresses to make offsets
     */
    static Segments ofLoad(final TensorBox box, final int start, final int origin) {
        return of(box, start, origin, false);
    }

    /** The pieces of a box that is stored, see {@link #ofLoad}. */
    static Segments ofStore(final TensorBox box, final int start, final int origin) {
        return of(box, start, origin, true);
    }

    private static Segments of(final TensorBox box, final int start, final int origin, final boolean spilling) {
        final Segments segments = new Segments();
        final TensorMap map = box.map();
        final int element = map.element().bytes();
        final int columns = map.copied(0);
        final int perPiece = TensorBox.GRANULE / element;
        for (int row = 0; row < map.rows(); row++) {
            for (int column = 0; column < columns; column += perPiece) {
                final int last = Math.min(column + perPiece, columns) - 1;
                final long first = box.globalAddress(row, column);
                if (first != OUTSIDE && box.globalAddress(row, last) != OUTSIDE) {
                    segments.add(first, box.sharedAddress(start, row, column) - origin, (last - column + 1) * element,
                        false);
                    continue;
                }
                for (int each = column; each <= last; each++) {
                    final long address = box.globalAddress(row, each);
                    final boolean spills = spilling && address == OUTSIDE && first != OUTSIDE;
                    segments.add(spills ? first + (long) (each - column) * element : address,
                        box.sharedAddress(start, row, each) - origin, element, spills);
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

    /** Whether the piece lies behind the tensor's edge, and is stored all the same. */
    boolean spills(final int index) {
        return spills[index];
    }

    private void add(final long globalAddress, final int sharedOffset, final int bytes, final boolean spill) {
        if (count == global.length) {
            global = Arrays.copyOf(global, 2 * count);
            shared = Arrays.copyOf(shared, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
            spills = Arrays.copyOf(spills, 2 * count);
        }
        global[count] = globalAddress;
        shared[count] = sharedOffset;
        spills[count] = spill;
        lengths[count++] = bytes;
    }
}
