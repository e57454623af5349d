package io.qwenimage.kernels.standin;

import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.driver.CUresult;

/**
 * A stream. What it is given waits until someone waits for it: as late as the rules allow, so that whoever frees or
 * changes memory too early is found out.
 */
final class PosedStream {
    private final PosedContext context;
    private final boolean blocking;
    private final Deque<Work> queue = new ArrayDeque<>();
    /** What the work given from now on comes after. */
    private final StreamClock clock = new StreamClock();
    private PosedCapture capture;
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
        if (capture != null) {
            capture.put(this, work);
            return;
        }
        // The default stream is ordered by rules of its own.
        if (this != context.defaultStream()) {
            context.races().put(this, clock, work);
        }
        queue.addLast(work);
    }

    /** What the work given until now, and all that it waits for, comes to. */
    StreamClock clock() {
        return clock;
    }

    /** What is put from now on comes after the work that a mark stands for. */
    void await(final PosedEvent.Mark mark) {
        if (capture == null && mark.capture() == null) {
            clock.join(mark.clock());
            queue.addLast(mark::reach);
            return;
        }
        if (mark.capture() == null || capture != null && capture != mark.capture()) {
            capture.spoil();
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                    "ordering work that is captured after work that is not captured with it");
        }
        if (mark.capture().hasEnded()) {
            throw new Refusal(CUresult.CUDA_ERROR_CAPTURED_EVENT, "waiting for an event that was captured in a graph");
        }
        capture = mark.capture();
        capture.await(this, mark);
    }

    boolean isCapturing() {
        return capture != null;
    }

    /** What it is captured into, or null. */
    PosedCapture capture() {
        return capture;
    }

    void beginCapture() {
        capture = new PosedCapture(this);
    }

    void leaveCapture() {
        capture = null;
    }

    /** Refuses what may not be done while work is captured. */
    void refuseInCapture(final String action) {
        if (capture != null) {
            capture.spoil();
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
