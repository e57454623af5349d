package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SharedResourceTest {
    private final AtomicInteger freed = new AtomicInteger();
    private final SharedResource<String> shared = new SharedResource<>("resource", freed::incrementAndGet);

    @Test
    void retiringFreesWhatNobodyHolds() {
        shared.retire();
        shared.retire();

        assertEquals(1, freed.get());
        assertNull(shared.hold());
    }

    @Test
    void lastHoldFreesWhatWasRetired() {
        final SharedResource<String>.Hold first = shared.hold();
        final SharedResource<String>.Hold second = shared.hold();
        shared.retire();
        assertNull(shared.hold());
        assertEquals("resource", first.get());
        first.close();
        first.close();
        assertEquals(0, freed.get(), "the second hold still stands");
        second.close();

        assertEquals(1, freed.get());
    }

    @Test
    void holdsMayComeAndGoBeforeRetirement() {
        shared.hold().close();
        shared.hold().close();

        assertEquals(0, freed.get());
        assertEquals(0, shared.holds());
    }

    @Test
    void closedHoldIsRefused() {
        final SharedResource<String>.Hold hold = shared.hold();
        hold.close();

        assertThrows(IllegalStateException.class, hold::get);
    }

    @Test
    void onlyUnusedIsRetiredIfUnused() {
        final SharedResource<String>.Hold hold = shared.hold();
        assertFalse(shared.retireIfUnused());
        assertEquals(0, freed.get());
        hold.close();

        assertTrue(shared.retireIfUnused());
        assertEquals(1, freed.get());
        assertTrue(shared.retireIfUnused());
        assertEquals(1, freed.get());
    }

    @Test
    void manyThreadsFreeOnce() throws InterruptedException {
        final int threads = 8;
        final CountDownLatch start = new CountDownLatch(1);
        final List<Thread> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            final SharedResource<String>.Hold hold = shared.hold();
            running.add(Thread.ofPlatform().start(() -> {
                try {
                    start.await();
                } catch (final InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                hold.close();
            }));
        }
        start.countDown();
        shared.retire();
        for (final Thread thread : running) {
            thread.join();
        }

        assertEquals(1, freed.get());
    }
}
