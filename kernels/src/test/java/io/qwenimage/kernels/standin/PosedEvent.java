package io.qwenimage.kernels.standin;

/** An event: it marks a place in a stream's work, anew each time that it is recorded. */
final class PosedEvent {
    private final PosedContext context;
    private final boolean timed;
    private Mark mark;

    /** One recording of the event. */
    static final class Mark implements Work {
        private final PosedStream stream;
        private boolean reached;
        private long nanoseconds;

        private Mark(final PosedStream stream) {
            this.stream = stream;
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
        stream.put(mark);
    }
}
