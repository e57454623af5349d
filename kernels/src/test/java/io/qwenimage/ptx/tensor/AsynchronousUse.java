package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.instruction.DecodedInstruction;

/**
 * What of a block's shared memory is in the hands of others than its threads: sources of unfinished asynchronous reads,
 * destinations of unfinished bulk copies, live mbarriers. Kept for pieces of eight bytes, of which all of these
 * consist.
 */
public final class AsynchronousUse {
    private static final int SHIFT = 3;

    private final short[] readers;
    private final short[] writers;
    private final boolean[] barriers;
    private final DecodedInstruction[] user;
    private int uses;

    /** Nothing of a memory of so many bytes is in use. */
    public AsynchronousUse(final int bytes) {
        final int pieces = (bytes >> SHIFT) + 1;
        readers = new short[pieces];
        writers = new short[pieces];
        barriers = new boolean[pieces];
        user = new DecodedInstruction[pieces];
    }

    /** An asynchronous operation is going to read, or has read. */
    void read(final int offset, final int bytes, final boolean begins, final DecodedInstruction by) {
        mark(readers, offset, bytes, begins, by);
    }

    /** An asynchronous operation is going to write, or has written. */
    void write(final int offset, final int bytes, final boolean begins, final DecodedInstruction by) {
        mark(writers, offset, bytes, begins, by);
    }

    void barrier(final int offset, final boolean live, final DecodedInstruction by) {
        final int piece = offset >> SHIFT;
        if (barriers[piece] != live) {
            uses += live ? 1 : -1;
        }
        barriers[piece] = live;
        user[piece] = by;
    }

    /** What is wrong with a write to the range now, or null. */
    public String faultOfWrite(final int offset, final int bytes) {
        if (uses == 0) {
            return null;
        }
        final int last = offset + bytes - 1 >> SHIFT;
        for (int piece = offset >> SHIFT; piece <= last; piece++) {
            if (readers[piece] > 0) {
                return "overwrites byte " + (piece << SHIFT) + " of shared memory, which line " + user[piece].line
                    + " `"
                    + user[piece].text + "` has not finished reading";
            }
            if (writers[piece] > 0) {
                return "overwrites byte " + (piece << SHIFT) + " of shared memory, which line " + user[piece].line
                    + " `"
                    + user[piece].text + "` has not finished writing";
            }
            if (barriers[piece]) {
                return "overwrites the mbarrier at byte " + (piece << SHIFT) + " of shared memory";
            }
        }
        return null;
    }

    /** What is wrong with a read of the range now, or null: what is still being written must not be read. */
    public String faultOfRead(final int offset, final int bytes) {
        final int last = offset + bytes - 1 >> SHIFT;
        for (int piece = offset >> SHIFT; piece <= last; piece++) {
            if (writers[piece] > 0) {
                return "reads byte " + (piece << SHIFT) + " of shared memory, which line " + user[piece].line + " `"
                    + user[piece].text + "` has not finished writing";
            }
        }
        return null;
    }

    private void mark(final short[] counts, final int offset, final int bytes, final boolean begins,
                      final DecodedInstruction by) {
        final int last = offset + bytes - 1 >> SHIFT;
        for (int piece = offset >> SHIFT; piece <= last; piece++) {
            counts[piece] += (short) (begins ? 1 : -1);
            uses += begins ? 1 : -1;
            if (begins) {
                user[piece] = by;
            }
        }
    }
}
