package io.qwenimage.kernels.standin;

import java.util.IdentityHashMap;
import java.util.Map;

/**
 * A vector clock: how far of each stream's work something comes after. Two pieces of work are in order only if the
 * clock of the later one covers the earlier one, however they happened to run.
 */
final class StreamClock {
    private final Map<PosedStream, Long> reached = new IdentityHashMap<>();

    StreamClock() {
    }

    /** The same moment, kept. */
    StreamClock copy() {
        final StreamClock copy = new StreamClock();
        copy.reached.putAll(reached);
        return copy;
    }

    /** Comes after all that the other comes after. */
    void join(final StreamClock other) {
        other.reached.forEach((stream, position) -> reached.merge(stream, position, Math::max));
    }

    /** A stream's next piece of work; returns its position. */
    long tick(final PosedStream stream) {
        return reached.merge(stream, 1L, Long::sum);
    }

    /** How many pieces of a stream's work it comes after. */
    long of(final PosedStream stream) {
        return reached.getOrDefault(stream, 0L);
    }

    /** Forgets a stream that nobody compares with any more. */
    void forget(final PosedStream stream) {
        reached.remove(stream);
    }
}
