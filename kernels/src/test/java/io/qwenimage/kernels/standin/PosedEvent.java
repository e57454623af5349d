package io.qwenimage.kernels.standin;

import jcuda.driver.CUresult;

/** An event: it marks a place in a stream's work, anew each time that it is recorded. */
final class PosedEvent {
    private final PosedContext context;
    private final boolean timed;
    private Mark mark;

    /** One recording of the event. */
    static final class Mark implements Work {
        private final PosedStream stream;
        private final PosedCapture capture;
        private final StreamClock clock;
        private boolean reached;
        private long nanoseconds;

        Mark(final PosedStream stream) {
            this.stream = stream;
            this.capture = stream.capture();
            this.clock = stream.clock().copy();
        }

        @Override
        public boolean run() {
            reached = true;
            nanoseconds = System.nanoTime();
            return true;
        }

        PosedStream stream() {
            return stream;
        }

        /** What it was captured into, or null. */
        PosedCapture capture() {
            return capture;
        }

        /** What whoever waits for it comes after. */
        StreamClock clock() {
            return clock;
        }

        /** Refuses to be asked or waited for by the host while it belongs to a graph. */
        void refuseIfCaptured(final String action) {
            if (capture != null) {
                capture.spoil();
                throw new Refusal(CUresult.CUDA_ERROR_CAPTURED_EVENT, action + " an event that was captured");
            }
        }

        boolean isReached() {
            return reached;
        }

        long nanoseconds() {
            return nanoseconds;
        }

        /** Runs the stream's work up to here; returns false if that does not end. */
        boolean reach() {
            while (!reached && !stream.isStuck() && !stream.context().isBroken()) {
                stream.step();
            }
            return reached;
        }
    }

    PosedEvent(final PosedContext context, final boolean timed) {
        this.context = context;
        this.timed = timed;
    }

    PosedContext context() {
        return context;
    }

    boolean isTimed() {
        return timed;
    }

    /** The last recording, or null. */
    Mark mark() {
        return mark;
    }

    void record(final PosedStream stream) {
        mark = new Mark(stream);
        if (stream.isCapturing()) {
            stream.capture().record(stream, mark);
        } else {
            stream.put(mark);
        }
    }
}
