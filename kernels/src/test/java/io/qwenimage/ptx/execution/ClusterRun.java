package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.counting.CounterSheet;
import io.qwenimage.ptx.inspection.FindingKind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The blocks of one cluster while they run, on one thread of the host. Which warp runs next and for how long is decided
 * by chance, from the launch's seed. Asynchronous operations happen as late as can be: only when no warp can do
 * anything without them, and then in an order decided by chance.
 */
public final class ClusterRun {
    private static final int LONGEST_TURN = 192;
    private static final int HOPELESS_STALLS = 200_000;

    private final Launch launch;
    private final SplittableRandom random;
    private final List<Block> blocks = new ArrayList<>();
    private final List<Warp> running = new ArrayList<>();
    private final List<AsynchronousOperation> deferred = new ArrayList<>();
    private final Attachments attachments = new Attachments();
    private final ClusterBarrier barrier;
    private int stalls;

    /**
     * @param launch what is launched
     * @param number number of the cluster in the grid
     * @param counters where this thread of the host counts
     */
    public ClusterRun(final Launch launch, final long number, final CounterSheet counters) {
        this.launch = launch;
        this.random = new SplittableRandom(launch.seed() * 0x9e3779b97f4a7c15L + number);
        this.barrier = new ClusterBarrier(this);
        final int[] cluster = launch.cluster();
        final int[] first = {
            (int) (number % launch.clusters(0)) * cluster[0],
            (int) (number / launch.clusters(0) % launch.clusters(1)) * cluster[1],
            (int) (number / ((long) launch.clusters(0) * launch.clusters(1))) * cluster[2]};
        for (int rank = 0; rank < launch.blocksPerCluster(); rank++) {
            final int[] index = {first[0] + rank % cluster[0], first[1] + rank / cluster[0] % cluster[1],
                first[2] + rank / (cluster[0] * cluster[1])};
            blocks.add(new Block(this, rank, index, counters));
        }
        blocks.forEach(block -> running.addAll(block.warps()));
    }

    public Launch launch() {
        return launch;
    }

    public List<Block> blocks() {
        return blocks;
    }

    /** The source of all chance in this cluster. */
    public SplittableRandom random() {
        return random;
    }

    public ClusterBarrier barrier() {
        return barrier;
    }

    /** What instruction families keep for this cluster. */
    public Attachments attachments() {
        return attachments;
    }

    /** How many take part in the ordering of accesses: every warp, and one more for all asynchronous operations. */
    public int participants() {
        return launch.blocksPerCluster() * launch.warpsPerBlock() + 1;
    }

    /** The participant that stands for asynchronous operations. */
    public int asynchronousParticipant() {
        return participants() - 1;
    }

    /** Leaves an operation to happen later. */
    public void defer(final AsynchronousOperation operation) {
        deferred.add(operation);
    }

    /** Takes back an operation, for example because a wait makes it happen at once; false when it has happened. */
    public boolean withdraw(final AsynchronousOperation operation) {
        return deferred.remove(operation);
    }

    /** Runs about so many warp instructions; returns whether all blocks have ended. */
    public boolean run(final long budget) {
        long left = budget;
        while (left > 0 && !running.isEmpty()) {
            if (launch.findings().isStopped()) {
                return true;
            }
            final int turn = 1 + random.nextInt(LONGEST_TURN);
            left -= turn;
            if (!step(turn) && !unblock()) {
                reportDeadlock();
                return true;
            }
        }
        if (running.isEmpty()) {
            while (!deferred.isEmpty()) {
                landOne();
            }
        }
        return running.isEmpty();
    }

    void threadsExited() {
        barrier.threadsExited();
    }

    /** Lets some warp run; false when none can or all ask in vain. */
    private boolean step(final int turn) {
        final int start = random.nextInt(running.size());
        for (int i = 0; i < running.size(); i++) {
            final int at = (start + i) % running.size();
            final Warp warp = running.get(at);
            if (warp.isFinished()) {
                running.remove(at);
                return true;
            }
            if (!warp.isBlocked()) {
                if (warp.run(turn)) {
                    stalls++;
                } else if (!warp.isSpinning()) {
                    stalls = 0;
                }
                return stalls <= 8 * running.size() + 16;
            }
        }
        return false;
    }

    private boolean unblock() {
        if (!deferred.isEmpty()) {
            landOne();
            stalls = 0;
            return true;
        }
        if (stalls > 0 && stalls < HOPELESS_STALLS) {
            return true;
        }
        boolean released = false;
        for (final Warp warp : running) {
            released |= warp.releaseWaitingLanes();
        }
        stalls = released ? 0 : stalls;
        return released;
    }

    private void landOne() {
        deferred.remove(random.nextInt(deferred.size())).land();
    }

    private void reportDeadlock() {
        final StringBuilder message = new StringBuilder("no warp can go on:");
        for (final Warp warp : running) {
            message.append(" block ").append(warp.block().name()).append(" warp ").append(warp.index()).append(' ')
                .append(warp.describeWait()).append(';');
        }
        final Warp first = running.get(0);
        final Path path = first.paths().waiting();
        final int lane = path == null ? 0 : Integer.numberOfTrailingZeros(path.mask);
        final int position = path == null ? 0
            : Math.max(0, Math.min(path.position, path.frame.function.code().length) - 1);
        final Frame frame = path == null ? first.frame() : path.frame;
        first.report(FindingKind.DEADLOCK, lane, message.toString(), frame.function.code()[position]);
    }
}
