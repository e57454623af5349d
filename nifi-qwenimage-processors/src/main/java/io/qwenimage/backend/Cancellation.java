package io.qwenimage.backend;

import java.util.concurrent.CancellationException;

/** Asks whether the work at hand is still wanted; called between blocks of a model. */
@FunctionalInterface
public interface Cancellation {
    /** Work that nobody can call off. */
    Cancellation NEVER = () -> { };

    /**
     * Returns if the work is still wanted.
     *
     * @throws CancellationException if it is not
     */
    void check();
}
