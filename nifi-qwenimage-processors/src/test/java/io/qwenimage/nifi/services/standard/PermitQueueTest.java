package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DevicePermit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class PermitQueueTest {
    @Test
    void permitsAreServedInTheOrderOfAsking() throws InterruptedException {
        final PermitQueue queue = new PermitQueue(1);
        final DevicePermit held = queue.acquire(Cancellation.NEVER);
        final List<Integer> served = Collections.synchronizedList(new ArrayList<>());
        final List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            final int number = i;
            threads.add(Thread.ofPlatform().start(() -> {
                try (DevicePermit permit = queue.acquire(Cancellation.NEVER)) {
                    served.add(number);
                }
            }));
            awaitWaiting(queue, i + 1);
        }
        held.close();
        for (final Thread thread : threads) {
            thread.join();
        }

        assertEquals(List.of(0, 1, 2, 3, 4), served);
    }

    @Test
    void asManyComputeAsThereArePermits() {
        final PermitQueue queue = new PermitQueue(2);
        try (DevicePermit first = queue.acquire(Cancellation.NEVER);
                DevicePermit second = queue.acquire(Cancellation.NEVER)) {
            final AtomicBoolean stopped = new AtomicBoolean();
            assertThrows(CancellationException.class, () -> queue.acquire(() -> {
                if (stopped.getAndSet(true)) {
                    throw new CancellationException("stopped");
                }
            }));
            assertTrue(first != second);
        }
        assertEquals(0, queue.waiting());
    }

    @Test
    void closingTwiceGivesOnePermitBack() {
        final PermitQueue queue = new PermitQueue(1);
        final DevicePermit permit = queue.acquire(Cancellation.NEVER);
        permit.close();
        permit.close();
        try (DevicePermit again = queue.acquire(Cancellation.NEVER)) {
            final AtomicBoolean asked = new AtomicBoolean();
            assertThrows(CancellationException.class, () -> queue.acquire(() -> {
                if (asked.getAndSet(true)) {
                    throw new CancellationException("stopped");
                }
            }), () -> again + " is the only permit");
        }
    }

    @Test
    void whoIsCalledOffLeavesTheQueueToTheNext() throws InterruptedException {
        final PermitQueue queue = new PermitQueue(1);
        final DevicePermit held = queue.acquire(Cancellation.NEVER);
        final AtomicBoolean stop = new AtomicBoolean();
        final AtomicReference<Throwable> end = new AtomicReference<>();
        final Thread stopped = Thread.ofPlatform().start(() -> {
            try (DevicePermit permit = queue.acquire(() -> {
                if (stop.get()) {
                    throw new CancellationException("stopped");
                }
            })) {
                end.set(new AssertionError("got " + permit));
            } catch (final CancellationException e) {
                end.set(e);
            }
        });
        awaitWaiting(queue, 1);
        final AtomicBoolean served = new AtomicBoolean();
        final Thread next = Thread.ofPlatform().start(() -> {
            try (DevicePermit permit = queue.acquire(Cancellation.NEVER)) {
                served.set(permit != null);
            }
        });
        awaitWaiting(queue, 2);
        stop.set(true);
        stopped.join();
        assertInstanceOf(CancellationException.class, end.get());
        held.close();
        next.join();

        assertTrue(served.get());
    }

    @Test
    void interruptionCallsOffAndStaysVisible() throws InterruptedException {
        final PermitQueue queue = new PermitQueue(1);
        final AtomicReference<String> end = new AtomicReference<>();
        try (DevicePermit held = queue.acquire(Cancellation.NEVER)) {
            final Thread thread = Thread.ofPlatform().start(() -> {
                try (DevicePermit permit = queue.acquire(Cancellation.NEVER)) {
                    end.set("got " + permit + " beside " + held);
                } catch (final CancellationException e) {
                    end.set(Thread.currentThread().isInterrupted() ? "interrupted" : "forgotten");
                }
            });
            awaitWaiting(queue, 1);
            thread.interrupt();
            thread.join();
        }

        assertEquals("interrupted", end.get());
        assertEquals(0, queue.waiting());
    }

    static void awaitWaiting(final PermitQueue queue, final int count) throws InterruptedException {
        while (queue.waiting() < count) {
            Thread.sleep(1);
        }
    }
}
