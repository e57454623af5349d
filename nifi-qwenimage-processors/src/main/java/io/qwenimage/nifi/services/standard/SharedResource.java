package io.qwenimage.nifi.services.standard;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A resource with one owner and several borrowers: it is freed when the owner has retired it and the last borrower has
 * let go, in whatever order that happens. Safe for use by several threads.
 */
final class SharedResource<T> {
    private final T resource;
    private final Runnable free;
    private int holds;
    private boolean retired;

    /**
     * @param resource what is shared
     * @param free     frees it; called once, by the thread that lets go last
     */
    SharedResource(final T resource, final Runnable free) {
        this.resource = Objects.requireNonNull(resource);
        this.free = Objects.requireNonNull(free);
    }

    /** One borrower's hold. */
    final class Hold implements AutoCloseable {
        private final AtomicBoolean open = new AtomicBoolean(true);

        /**
         * The resource.
         *
         * @throws IllegalStateException if this hold is closed
         */
        T get() {
            if (!open.get()) {
                throw new IllegalStateException("a lease was used after it was closed");
            }
            return resource;
        }

        /** Lets go; a second call does nothing. */
        @Override
        public void close() {
            if (open.compareAndSet(true, false)) {
                letGo();
            }
        }
    }

    /** Takes hold of the resource; null if it is retired. */
    synchronized Hold hold() {
        if (retired) {
            return null;
        }
        holds++;
        return new Hold();
    }

    /** Hands out no more holds, and frees the resource now or when the last hold is closed. */
    void retire() {
        final boolean last;
        synchronized (this) {
            last = !retired && holds == 0;
            retired = true;
        }
        if (last) {
            free.run();
        }
    }

    /**
     * Retires the resource unless somebody holds it.
     *
     * @return whether it is retired now
     */
    boolean retireIfUnused() {
        synchronized (this) {
            if (holds > 0 || retired) {
                return retired;
            }
            retired = true;
        }
        free.run();
        return true;
    }

    /** How many hold the resource. */
    synchronized int holds() {
        return holds;
    }

    private void letGo() {
        final boolean last;
        synchronized (this) {
            holds--;
            last = retired && holds == 0;
        }
        if (last) {
            free.run();
        }
    }
}
