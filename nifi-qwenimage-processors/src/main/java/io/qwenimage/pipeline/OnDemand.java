package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/** Makes a thing when it is first asked for; a failure is thrown anew at every call. */
final class OnDemand<T extends Stage> implements AutoCloseable {
    private static final long POLL_MILLIS = 100;

    private final Function<Cancellation, T> maker;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile T made;
    private boolean closed;

    OnDemand(final Function<Cancellation, T> maker) {
        this.maker = maker;
    }

    /**
     * The thing. Making it may take minutes: it can be called off, and so can the wait for another who makes it.
     *
     * @throws CancellationException if it is no longer wanted
     */
    T get(final Cancellation cancellation) {
        lockUnlessCancelled(cancellation);
        try {
            if (closed) {
                throw new IllegalStateException("the pipeline is closed");
            }
            if (made == null) {
                made = maker.apply(cancellation);
            }
            return made;
        } finally {
            lock.unlock();
        }
    }

    /** The thing, if it has been made. */
    Optional<T> made() {
        return Optional.ofNullable(made);
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            final T open = made;
            made = null;
            if (open != null) {
                open.close();
            }
        } finally {
            lock.unlock();
        }
    }

    private void lockUnlessCancelled(final Cancellation cancellation) {
        try {
            while (!lock.tryLock(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
                cancellation.check();
            }
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the wait for the model's weights was interrupted");
        }
    }
}
