package io.qwenimage.ptx.inspection;

import java.util.Arrays;

/**
 * Watches the shared memory of one block for accesses that no synchronisation orders. The memory is divided into
 * granules of the narrowest access that the kernel has, so that every access covers whole granules and the answer is
 * exact to the byte. Each granule remembers its last write and, for each warp, the last read since.
 *
 * <p>Warps are ordered by {@link VectorClock}s; lanes of one warp by the times at which they last took part in an
 * instruction that synchronises the warp ({@code bar.warp.sync}, {@code shfl.sync} and their like).
 */
public final class RaceDetector {
    private static final int NOBODY = -1;
    private static final int STRONG = 1 << 30;
    private static final int COPIED = 1 << 29;
    private static final int FLAGS = STRONG | COPIED;
    private static final int SEVERAL_LANES = 1 << 5;

    private final int shift;
    private final int columns;
    private final int firstWarp;
    /**
     * Of the last write: participant * 32 + lane, with STRONG (atomic) or COPIED (cp.async); NOBODY before the first.
     */
    private final int[] writer;
    private final int[] writeTime;
    /** Bit per column: who has read since the last write. */
    private final long[] readers;
    private final int[] readTime;
    private final byte[] readLane;
    /** Bit per column: whose unordered writes have met here; while they all wrote the same, each may read it. */
    private final long[] equalWriters;

    /**
     * @param bytes size of the shared memory
     * @param granule width of the narrowest access: 1, 2 or 4
     * @param firstWarp participant number of the block's first warp
     * @param warps number of the block's warps; other participants share one column
     */
    public RaceDetector(final int bytes, final int granule, final int firstWarp, final int warps) {
        this.shift = Integer.numberOfTrailingZeros(granule);
        this.columns = warps + 1;
        this.firstWarp = firstWarp;
        final int granules = (bytes + granule - 1) >> shift;
        this.writer = new int[granules];
        this.writeTime = new int[granules];
        this.readers = new long[granules];
        this.readTime = new int[granules * columns];
        this.readLane = new byte[granules * columns];
        this.equalWriters = new long[granules];
        Arrays.fill(writer, NOBODY);
    }

    /**
     * Notes a read; returns null, or what it races with.
     *
     * @param offset first byte, from the start of the shared memory
     * @param strong whether it is atomic, volatile or otherwise strong: such accesses do not race with each other
     */
    public String read(final AccessOrder order, final int lane, final int offset, final int bytes,
                       final boolean strong) {
        final int participant = order.participant();
        final int time = order.clock().time(participant);
        final int end = (offset + bytes - 1) >> shift;
        final int column = column(participant);
        String race = null;
        for (int g = offset >> shift; g <= end; g++) {
            final int last = writer[g];
            if (last != NOBODY && (last & ~COPIED) != (participant << 5 | lane) && !(strong && (last & STRONG) != 0)
                && !isOrdered(order, lane, last & ~FLAGS, writeTime[g]) && (equalWriters[g] >>> column & 1) == 0
                && race == null) {
                race = "reads byte " + (g << shift) + " of shared memory that " + describe(last)
                    + " wrote without synchronisation in between";
            }
            if (!strong) {
                noteRead(g, column, lane, time);
            }
        }
        return race;
    }

    /** Notes a write; returns null, or what it races with. */
    public String write(final AccessOrder order, final int lane, final int offset, final int bytes,
                        final boolean strong) {
        final int participant = order.participant();
        final int time = order.clock().time(participant);
        final int end = (offset + bytes - 1) >> shift;
        final int self = participant << 5 | lane;
        String race = null;
        for (int g = offset >> shift; g <= end; g++) {
            final int last = writer[g];
            if (last != NOBODY && (last & ~COPIED) != self && !(strong && (last & STRONG) != 0)
                && !isOrdered(order, lane, last & ~FLAGS, writeTime[g])) {
                equalWriters[g] |= 1L << column((last & ~FLAGS) >> 5) | 1L << column(participant);
                race = race != null ? race : "writes byte " + (g << shift) + " of shared memory that " + describe(last)
                    + " wrote without synchronisation in between";
            } else {
                equalWriters[g] = 0;
            }
            if (readers[g] != 0) {
                final String readRace = raceWithReaders(order, lane, g);
                race = race == null ? readRace : race;
                readers[g] = 0;
            }
            writer[g] = strong ? self | STRONG : self;
            writeTime[g] = time;
        }
        return race;
    }

    /**
     * Says that the last write of a range was a {@code cp.async}. Compilers let {@code wgmma} read what it has copied
     * without a proxy fence, and devices agree.
     */
    public void copied(final int offset, final int bytes) {
        final int end = (offset + bytes - 1) >> shift;
        for (int g = offset >> shift; g <= end; g++) {
            writer[g] |= COPIED;
        }
    }

    /**
     * Tells who wrote the first granule that the asynchronous proxy must not read yet, for want of a fence; or null.
     */
    public String unfenced(final AccessOrder order, final int offset, final int bytes) {
        final int end = (offset + bytes - 1) >> shift;
        final int asynchronous = order.clock().participants() - 1;
        for (int g = offset >> shift; g <= end; g++) {
            if (writer[g] != NOBODY && (writer[g] & COPIED) == 0) {
                final int participant = (writer[g] & ~FLAGS) >> 5;
                if (participant != asynchronous && writeTime[g] > order.clock().fencedTime(participant)) {
                    return "reads byte " + (g << shift) + " of shared memory that " + describe(writer[g])
                        + " wrote, with no fence.proxy.async in between";
                }
            }
        }
        return null;
    }

    private void noteRead(final int granule, final int column, final int lane, final int time) {
        final int at = granule * columns + column;
        final long bit = 1L << column;
        if ((readers[granule] & bit) != 0 && readTime[at] == time) {
            if ((readLane[at] & 31) != lane) {
                readLane[at] |= SEVERAL_LANES;
            }
            return;
        }
        readers[granule] |= bit;
        readTime[at] = time;
        readLane[at] = (byte) lane;
    }

    private String raceWithReaders(final AccessOrder order, final int lane, final int granule) {
        for (long left = readers[granule]; left != 0; left &= left - 1) {
            final int column = Long.numberOfTrailingZeros(left);
            if (column == columns - 1) {
                continue;
            }
            final int at = granule * columns + column;
            final int participant = firstWarp + column;
            final boolean several = (readLane[at] & SEVERAL_LANES) != 0;
            final int reader = readLane[at] & 31;
            final boolean own = participant == order.participant();
            if (own && !several && reader == lane) {
                continue;
            }
            final int other = own && several && reader == lane ? (lane + 1) & 31 : reader;
            if (!isOrdered(order, lane, participant << 5 | other, readTime[at])) {
                return "writes byte " + (granule << shift) + " of shared memory that "
                    + describe(participant << 5 | reader) + " read without synchronisation in between";
            }
        }
        return null;
    }

    private static boolean isOrdered(final AccessOrder order, final int lane, final int other, final int time) {
        final int participant = other >> 5;
        if (participant != order.participant()) {
            return time <= order.clock().time(participant);
        }
        return order.lanesSynchronisedSince(lane, other & 31, time);
    }

    private int column(final int participant) {
        final int own = participant - firstWarp;
        return own >= 0 && own < columns - 1 ? own : columns - 1;
    }

    private String describe(final int thread) {
        final int participant = (thread & ~FLAGS) >> 5;
        final int own = participant - firstWarp;
        if (own >= 0 && own < columns - 1) {
            return "lane " + (thread & 31) + " of warp " + own;
        }
        return "another block of the cluster or an asynchronous copy";
    }
}
