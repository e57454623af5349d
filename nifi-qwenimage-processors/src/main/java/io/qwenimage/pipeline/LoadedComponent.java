package io.qwenimage.pipeline;

import java.util.concurrent.atomic.AtomicBoolean;

/** A hold on a network of a {@link ComponentStore}. */
final class LoadedComponent<T> implements Stage {
    private final T model;
    private final Runnable release;
    private final AtomicBoolean open = new AtomicBoolean(true);

    /**
     * A hold.
     *
     * @param release lets go; called once
     */
    LoadedComponent(final T model, final Runnable release) {
        this.model = model;
        this.release = release;
    }

    /**
     * The network.
     *
     * @throws IllegalStateException if this hold is closed
     */
    T model() {
        if (!open.get()) {
            throw new IllegalStateException("a network was used after it was given up");
        }
        return model;
    }

    /** Lets go; a second call does nothing. */
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            release.run();
        }
    }
}
