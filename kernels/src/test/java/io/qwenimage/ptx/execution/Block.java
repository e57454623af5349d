package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.counting.CounterSheet;
import io.qwenimage.ptx.inspection.RaceDetector;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.tensor.AsynchronousUse;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** A block (CTA) while it runs: its warps, its shared memory and its barriers. */
public final class Block {
    /** Barriers that a block has. */
    public static final int BARRIERS = 16;

    private final ClusterRun cluster;
    private final int rank;
    private final int[] index;
    private final MemoryRegion shared;
    private final RaceDetector races;
    private final InFlightCopies inFlight = new InFlightCopies();
    private final BlockBarrier[] barriers = new BlockBarrier[BARRIERS];
    private final Attachments attachments = new Attachments();
    /** By the position at which threads left: the first of them. */
    private final Map<Integer, Integer> exits = new LinkedHashMap<>();
    private final List<Warp> warps;
    private AsynchronousUse asynchronousUse;

    Block(final ClusterRun cluster, final int rank, final int[] index, final CounterSheet counters) {
        final Launch launch = cluster.launch();
        this.cluster = cluster;
        this.rank = rank;
        this.index = index;
        final int bytes = launch.kernel().staticSharedBytes() + launch.dynamicSharedBytes();
        this.shared = new MemoryRegion("shared memory", AddressMap.SHARED_START, bytes);
        this.races = launch.racesInspected()
            ? new RaceDetector(bytes, launch.kernel().sharedGranule(), rank * launch.warpsPerBlock(),
                launch.warpsPerBlock())
            : null;
        for (int i = 0; i < BARRIERS; i++) {
            barriers[i] = new BlockBarrier(this, i);
        }
        this.warps = IntStream.range(0, launch.warpsPerBlock()).mapToObj(i -> new Warp(this, i, counters)).toList();
    }

    public ClusterRun cluster() {
        return cluster;
    }

    public Launch launch() {
        return cluster.launch();
    }

    /** Number of the block in its cluster. */
    public int rank() {
        return rank;
    }

    public List<Warp> warps() {
        return warps;
    }

    /** Shared memory; its addresses start at {@link AddressMap#SHARED_START}. */
    public MemoryRegion shared() {
        return shared;
    }

    /** The watch over races on shared memory, or null when it is switched off. Offsets start at 0. */
    public RaceDetector races() {
        return races;
    }

    /** Ranges of shared memory that unfinished copies will write. */
    public InFlightCopies inFlight() {
        return inFlight;
    }

    /** What of shared memory is in the hands of asynchronous operations; null as long as nothing was. */
    public AsynchronousUse asynchronousUse() {
        return asynchronousUse;
    }

    /** The same, made when there is none. */
    public AsynchronousUse useAsynchronously() {
        if (asynchronousUse == null) {
            asynchronousUse = new AsynchronousUse(shared.size());
        }
        return asynchronousUse;
    }

    public BlockBarrier barrier(final int number) {
        return barriers[number];
    }

    /** What instruction families keep for this block. */
    public Attachments attachments() {
        return attachments;
    }

    /** Index in the grid along an axis. */
    public int index(final int axis) {
        return index[axis];
    }

    public int linearIndex() {
        final int[] grid = launch().grid();
        return (index[2] * grid[1] + index[1]) * grid[0] + index[0];
    }

    public int clusterIndex(final int axis) {
        return index[axis] / launch().cluster()[axis];
    }

    public int indexInCluster(final int axis) {
        return index[axis] % launch().cluster()[axis];
    }

    public String name() {
        return "(" + index[0] + ", " + index[1] + ", " + index[2] + ")";
    }

    /** Threads that have not exited. */
    public int liveThreads() {
        int live = 0;
        for (final Warp warp : warps) {
            live += Integer.bitCount(warp.liveMask());
        }
        return live;
    }

    /** Notes that lanes of a warp have left at a position of the kernel; -1 within a function that it calls. */
    void lanesExited(final Warp warp, final int mask, final int position) {
        if (position >= 0) {
            exits.putIfAbsent(position, warp.index() * Warp.LANES + Integer.numberOfTrailingZeros(mask));
        }
        for (final BlockBarrier barrier : barriers) {
            barrier.threadsExited();
        }
        cluster.threadsExited();
    }

    /** A thread that left the kernel past the instruction instead of through it; -1 when none did. */
    int threadPast(final int instruction) {
        for (final Map.Entry<Integer, Integer> exit : exits.entrySet()) {
            if (launch().kernel().entry().bypasses(exit.getKey(), instruction)) {
                return exit.getValue();
            }
        }
        return -1;
    }

    boolean isFinished() {
        for (final Warp warp : warps) {
            if (!warp.isFinished()) {
                return false;
            }
        }
        return true;
    }
}
