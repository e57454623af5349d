package io.qwenimage.backend.cpu;

import com.sun.jna.Function;
import io.qwenimage.backend.ResourceExhaustedException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * The threads of one backend. The libraries below are single-threaded inside a worker, so that the pool alone decides
 * how many processors are busy. Where OpenMP cannot be told so, there is one worker, and OpenMP spreads its work.
 */
final class WorkerPool implements AutoCloseable {
    private final LinkedBlockingQueue<Work> queue = new LinkedBlockingQueue<>();
    private final List<Thread> threads = new ArrayList<>();
    private final boolean ownThreading;

    /** A piece of work: called once for each item, by any worker. */
    @FunctionalInterface
    interface Task {
        void run(Worker worker, int item);
    }

    /**
     * Starts the threads.
     *
     * @param count         workers wanted
     * @param threadControl {@code omp_set_num_threads}, or null
     */
    WorkerPool(final int count, final Function threadControl) {
        ownThreading = threadControl != null;
        final int workers = ownThreading ? count : 1;
        for (int i = 0; i < workers; i++) {
            final Thread thread = new Thread(() -> serve(threadControl), "qwenimage-cpu-" + i);
            thread.setDaemon(true);
            threads.add(thread);
            thread.start();
        }
    }

    /** Number of workers. */
    int size() {
        return threads.size();
    }

    /** Whether the workers are this pool's, rather than OpenMP's. */
    boolean ownThreading() {
        return ownThreading;
    }

    /**
     * Runs a task for the items 0 to {@code items - 1} and returns when all are done, even if the caller is
     * interrupted: the memory in use must not be given back before.
     */
    void run(final int items, final Task task) {
        if (items <= 0) {
            return;
        }
        final int helpers = Math.min(items, threads.size());
        final Work work = new Work(items, task, new AtomicInteger(), new AtomicReference<>(),
                new CountDownLatch(helpers));
        for (int i = 0; i < helpers; i++) {
            queue.add(work);
        }
        awaitUninterruptibly(work.done());
        final Throwable failure = work.failure().get();
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof OutOfMemoryError e) {
            throw new ResourceExhaustedException("a worker of the CPU backend found the Java heap exhausted ("
                    + e.getMessage() + "); raise -Xmx or ask for less at a time", e);
        }
        if (failure != null) {
            throw new IllegalStateException("a worker failed: " + failure, failure);
        }
    }

    /**
     * Runs a task over ranges of rows, at least {@code minimum} rows each, a few ranges for each worker; no rows are no
     * work.
     *
     * @param task called with the first row and the row after the last
     */
    void runRows(final long rows, final int minimum, final RowTask task) {
        if (rows == 0) {
            return;
        }
        final long wanted = Math.max(1, Math.min(4L * threads.size(), rows / Math.max(1, minimum)));
        final long chunk = (rows + wanted - 1) / wanted;
        run((int) ((rows + chunk - 1) / chunk), (worker, item) ->
                task.run(worker, item * chunk, Math.min(rows, (item + 1) * chunk)));
    }

    /** Work on a range of rows. */
    @FunctionalInterface
    interface RowTask {
        void run(Worker worker, long first, long end);
    }

    /** Ends the threads and frees what they hold. */
    @Override
    public void close() {
        threads.forEach(thread -> queue.add(Work.END));
        for (final Thread thread : threads) {
            boolean interrupted = false;
            while (true) {
                try {
                    thread.join();
                    break;
                } catch (final InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void serve(final Function threadControl) {
        try (Worker worker = new Worker()) {
            if (threadControl != null) {
                threadControl.invokeVoid(new Object[] {1});
            }
            serve(work -> work.share(worker));
        } catch (final RuntimeException | Error e) {
            // Nobody may wait for ever for a worker that could not be set up.
            serve(work -> work.fail(e));
        }
    }

    private void serve(final Consumer<Work> server) {
        while (true) {
            final Work work;
            try {
                work = queue.take();
            } catch (final InterruptedException e) {
                continue; // nobody but close() ends a worker
            }
            if (work == Work.END) {
                return;
            }
            server.accept(work);
        }
    }

    private static void awaitUninterruptibly(final CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (final InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private record Work(int items, Task task, AtomicInteger next, AtomicReference<Throwable> failure,
            CountDownLatch done) {
        private static final Work END = new Work(0, null, null, null, null);

        void fail(final Throwable reason) {
            failure.compareAndSet(null, reason);
            done.countDown();
        }

        void share(final Worker worker) {
            try {
                for (int item = next.getAndIncrement(); item < items && failure.get() == null;
                        item = next.getAndIncrement()) {
                    task.run(worker, item);
                }
            } catch (final RuntimeException | Error e) {
                failure.compareAndSet(null, e);
            } finally {
                done.countDown();
            }
        }
    }
}
