package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.VectorClock;

/** The barrier of a cluster: it completes when all threads of all its blocks that have not exited have arrived. */
public final class ClusterBarrier {
    private final ClusterRun cluster;
    private VectorClock gathering;
    private VectorClock completed;
    private int arrived;
    private long generation;

    ClusterBarrier(final ClusterRun cluster) {
        this.cluster = cluster;
    }

    /** Completed phases so far. */
    public long generation() {
        return generation;
    }

    /** Lanes of a warp arrive; what the warp did before is published unless the arrival is relaxed. */
    public void arrive(final Warp warp, final int mask, final boolean releases) {
        if (gathering == null) {
            gathering = new VectorClock(cluster.participants());
        }
        if (releases) {
            warp.release(gathering);
        }
        arrived += Integer.bitCount(mask);
        threadsExited();
    }

    /** What was published before the last completion. */
    public VectorClock completed() {
        return completed;
    }

    void threadsExited() {
        if (arrived == 0) {
            return;
        }
        int live = 0;
        for (final Block block : cluster.blocks()) {
            live += block.liveThreads();
        }
        if (arrived >= live) {
            completed = gathering;
            gathering = null;
            arrived = 0;
            generation++;
        }
    }
}
