package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A number of permits and a queue, first come first served. Unlike a fair semaphore tried again and again, who waits
 * keeps his place while asking whether the work is still wanted.
 */
final class PermitQueue {
    private static final long POLL_MILLIS = 50;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Object> waiting = new ArrayDeque<>();
    private final int permits;
    private int free;
    private String shut;
    private Runnable idle;

    PermitQueue(final int permits) {
        this.permits = permits;
        this.free = permits;
    }

    /**
     * Waits for a permit.
     *
     * @throws CancellationException if the work was called off or the thread interrupted; the place is given up
     * @throws ServiceUnavailableException if the queue is shut; the place is given up
     */
    DevicePermit acquire(final Cancellation cancellation) {
        cancellation.check();
        final Object ticket = new Object();
        lock.lock();
        try {
            waiting.addLast(ticket);
            requireNotShut();
            while (waiting.peekFirst() != ticket || free == 0) {
                changed.await(POLL_MILLIS, TimeUnit.MILLISECONDS);
                requireNotShut();
                cancellation.check();
            }
            free--;
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while waiting for the device");
        } finally {
            waiting.remove(ticket);
            changed.signalAll();
            lock.unlock();
        }
        final AtomicBoolean held = new AtomicBoolean(true);
        return () -> {
            if (held.compareAndSet(true, false)) {
                release();
            }
        };
    }

    /** How many wait. */
    int waiting() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Gives out no more permits.
     *
     * @param reason     told to those who wait and those who come
     * @param whenUnused run once, when no permit is out; by this thread if none is
     */
    void shut(final String reason, final Runnable whenUnused) {
        lock.lock();
        try {
            shut = reason;
            idle = whenUnused;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        runIfUnused();
    }

    private void requireNotShut() {
        if (shut != null) {
            throw new ServiceUnavailableException(shut);
        }
    }

    private void release() {
        lock.lock();
        try {
            free++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        runIfUnused();
    }

    private void runIfUnused() {
        final Runnable due;
        lock.lock();
        try {
            due = free == permits ? idle : null;
            idle = due == null ? idle : null;
        } finally {
            lock.unlock();
        }
        if (due != null) {
            due.run();
        }
    }
}
