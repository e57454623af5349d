package io.qwenimage.kernels.standin;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import jcuda.driver.CUresult;

/**
 * A stream. What it is given waits until someone waits for it: as late as the rules allow, so that whoever frees or
 * changes memory too early is found out.
 */
final class PosedStream {
    private final PosedContext context;
    private final boolean blocking;
    private final Deque<Work> queue = new ArrayDeque<>();
    private List<Work> captured;
    private boolean captureSpoiled;
    private boolean stuck;

    PosedStream(final PosedContext context, final boolean blocking) {
        this.context = context;
        this.blocking = blocking;
    }

    PosedContext context() {
        return context;
    }

    /** Whether it is ordered with the default stream. */
    boolean isBlocking() {
        return blocking;
    }

    void put(final Work work) {
        if (captured != null) {
            captured.add(work);
        } else {
            queue.addLast(work);
        }
    }

    boolean isCapturing() {
        return captured != null;
    }

    void beginCapture() {
        captured = new ArrayList<>();
        captureSpoiled = false;
    }

    /** What was captured. */
    List<Work> endCapture() {
        final List<Work> work = captured;
        captured = null;
        if (captureSpoiled) {
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                    "a capture was spoiled by a forbidden call");
        }
        return work;
    }

    /** Refuses what may not be done while work is captured. */
    void refuseInCapture(final String action) {
        if (captured != null) {
            captureSpoiled = true;
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, action + " a stream that captures");
        }
    }

    boolean isEmpty() {
        return queue.isEmpty();
    }

    /** Whether its work has come to a kernel that does not end. */
    boolean isStuck() {
        return stuck;
    }

    boolean uses(final long hostAddress, final long bytes) {
        return queue.stream().anyMatch(work -> work.uses(hostAddress, bytes));
    }

    /** Runs the next piece of work. */
    void step() {
        final Work work = queue.peekFirst();
        if (work == null || stuck || context.isBroken()) {
            return;
        }
        if (work.run()) {
            queue.pollFirst();
        } else {
            stuck = true;
        }
    }

    /** Runs everything, or up to a kernel that does not end. */
    void drain() {
        while (!queue.isEmpty() && !stuck && !context.isBroken()) {
            step();
        }
    }
}
