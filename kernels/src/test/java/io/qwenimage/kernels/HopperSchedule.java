package io.qwenimage.kernels;

import java.util.List;

/** What {@link HopperAttentionKernels} hands to its kernel for one sequence, for those who count what it does. */
public final class HopperSchedule {
    /** Queries of a tile. */
    public static final int QUERY_TILE = HopperAttentionKernels.QUERY_TILE;
    /** Keys of a block. */
    public static final int KEY_TILE = HopperAttentionKernels.KEY_TILE;
    /** Threads of a block of the grid. */
    public static final int THREADS = HopperAttentionKernels.THREADS;
    /** Its shared memory. */
    public static final int SHARED_BYTES = HopperAttentionKernels.SHARED_BYTES;
    /** Workspace of a part of a divided tile. */
    public static final long SLOT_BYTES = HopperAttentionKernels.SLOT_BYTES;

    private final AttentionSchedule schedule;

    /** The schedule for so many blocks of the grid. */
    public HopperSchedule(final int queries, final int keys, final int heads, final int keyHeads,
            final boolean causal, final int blocks) {
        schedule = AttentionSchedule.of(List.of(new AttentionSchedule.Sequence(0, queries, 0, keys)), heads, keyHeads,
                causal, QUERY_TILE, KEY_TILE, blocks);
    }

    /** The items of all lists, as the kernel reads them. */
    public int[] items() {
        return schedule.items(HopperAttentionKernels.COUNTERS_PER_TILE);
    }

    /** Where each list begins. */
    public int[] firstItems() {
        return schedule.firstItems();
    }

    /** Cost of the longest list in blocks of keys. */
    public double longest() {
        return schedule.longest();
    }

    /** Parts of divided tiles. */
    public int slots() {
        return schedule.slots();
    }

    /** Counters of divided tiles. */
    public int counters() {
        return schedule.divided() * HopperAttentionKernels.COUNTERS_PER_TILE;
    }
}
