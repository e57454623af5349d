package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.inspection.VectorClock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * One of a block's barriers. It completes when as many threads as asked for have arrived or, without a count, all that
 * have not exited; what arrivers did before then is ordered before what waiters do after.
 */
public final class BlockBarrier {
    private final Block block;
    private final int number;
    private final List<Arrival> arrivals = new ArrayList<>();
    private VectorClock clock;
    private int arrivedThreads;
    private int expected;
    private int reduction;
    private long generation;

    BlockBarrier(final Block block, final int number) {
        this.block = block;
        this.number = number;
    }

    public int number() {
        return number;
    }

    /** Completed phases so far. */
    public long generation() {
        return generation;
    }

    /**
     * Lanes of a warp arrive.
     *
     * @param count threads that the barrier is for, or 0 for all of the block
     * @param contribution added up over all arrivals
     * @param whenComplete called with the sum of the contributions when the barrier completes; null when the lanes do
     *     not wait
     */
    public void arrive(final Warp warp, final int mask, final int count, final int contribution,
                       final IntConsumer whenComplete) {
        if (arrivals.isEmpty()) {
            expected = count;
            clock = new VectorClock(warp.clock().participants());
            reduction = 0;
        } else if (expected != count) {
            warp.report(FindingKind.BARRIER, Integer.numberOfTrailingZeros(mask), "barrier " + number + " is used for "
                + threads(count) + " while " + threads(expected) + " of it are under way");
        }
        warp.release(clock);
        arrivals.add(new Arrival(warp, mask, warp.position(), whenComplete));
        // With a count whole warps arrive, exited lanes and those that never were included.
        arrivedThreads += count == 0 || mask != warp.liveMask() ? Integer.bitCount(mask) : Warp.LANES;
        reduction += contribution;
        completeIfReached(warp, mask);
    }

    void threadsExited() {
        if (!arrivals.isEmpty() && expected == 0 && arrivedThreads >= block.liveThreads()) {
            complete();
        }
    }

    boolean isPending() {
        return !arrivals.isEmpty();
    }

    private void completeIfReached(final Warp warp, final int mask) {
        final int needed = expected == 0 ? block.liveThreads() : expected;
        if (arrivedThreads > needed) {
            warp.report(FindingKind.BARRIER, Integer.numberOfTrailingZeros(mask),
                arrivedThreads + " threads arrive at barrier "
                + number + ", which is for " + needed);
        }
        if (arrivedThreads >= needed) {
            complete();
        }
    }

    private void complete() {
        if (expected == 0 && arrivedThreads < block.launch().threadsPerBlock()) {
            reportBypass();
        }
        final List<Arrival> completed = List.copyOf(arrivals);
        final int result = reduction;
        arrivals.clear();
        arrivedThreads = 0;
        generation++;
        for (final Arrival arrival : completed) {
            if (arrival.whenComplete() != null) {
                arrival.warp().acquire(clock);
                arrival.warp().synchroniseLanes(arrival.mask());
                arrival.whenComplete().accept(result);
            }
        }
    }

    /** Threads may exit before a barrier, but not go around it and on. */
    private void reportBypass() {
        final Arrival arrival = arrivals.get(0);
        final int thread = arrival.position() < 0 ? -1 : block.threadPast(arrival.position());
        if (thread >= 0) {
            arrival.warp().report(FindingKind.BARRIER, Integer.numberOfTrailingZeros(arrival.mask()),
                "barrier " + number
                + " is not reached by thread " + block.launch().threadName(thread) + ", which went around it and ended",
                block.launch().kernel().entry().code()[arrival.position()]);
        }
    }

    private static String threads(final int count) {
        return count == 0 ? "all threads" : count + " threads";
    }

    private record Arrival(Warp warp, int mask, int position, IntConsumer whenComplete) {
    }
}
