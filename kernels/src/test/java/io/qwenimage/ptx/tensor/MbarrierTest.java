package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class MbarrierTest {
    @Test
    void phaseEndsWithTheLastArrival() {
        final Mbarrier barrier = new Mbarrier(3);
        final long first = barrier.arrive(2, false, true);
        assertEquals(3, Mbarrier.pendingCount(first), "the state is that before the arrival");
        assertFalse(barrier.isCompleted(first));
        assertFalse(barrier.isCompletedParity(0));
        assertTrue(barrier.isCompletedParity(1), "the phase before the first counts as over");
        barrier.arrive(1, false, true);
        assertTrue(barrier.isCompleted(first));
        assertTrue(barrier.isCompletedParity(0));
        assertFalse(barrier.isCompletedParity(1));
        assertEquals(3, barrier.pending(), "the next phase waits for as many");
    }

    @Test
    void phaseWaitsForBytesAndArrivals() {
        final Mbarrier barrier = new Mbarrier(1);
        barrier.expectTransactions(4096);
        final long state = barrier.arrive(1, false, true);
        assertFalse(barrier.isCompleted(state));
        barrier.completeTransactions(2048);
        assertFalse(barrier.isCompleted(state));
        barrier.completeTransactions(2048);
        assertTrue(barrier.isCompleted(state));
    }

    @Test
    void bytesMayLandBeforeTheyAreExpected() {
        final Mbarrier barrier = new Mbarrier(1);
        barrier.completeTransactions(512);
        assertEquals(-512, barrier.transactions());
        barrier.expectTransactions(512);
        assertTrue(barrier.isCompleted(barrier.arrive(1, false, true)));
    }

    @Test
    void droppedParticipantsAreNotAwaitedAgain() {
        final Mbarrier barrier = new Mbarrier(2);
        barrier.arrive(1, true, true);
        barrier.arrive(1, false, true);
        final long state = barrier.arrive(1, false, true);
        assertTrue(barrier.isCompleted(state));
        assertEquals(2, barrier.phase());
    }

    @Test
    void breachesOfTheRulesAreNamed() {
        assertThrows(IllegalStateException.class, () -> new Mbarrier(0));
        assertThrows(IllegalStateException.class, () -> new Mbarrier(1 << 20));
        final Mbarrier barrier = new Mbarrier(2);
        assertMessage("3 arrivals", () -> barrier.arrive(3, false, true));
        assertMessage("beyond 1048575", () -> barrier.expectTransactions(1 << 20));
        barrier.arrive(1, false, false);
        assertMessage("noComplete", () -> barrier.arrive(1, false, false));
    }

    @Test
    void onlyTheLastTwoPhasesCanBeWaitedFor() {
        final Mbarrier barrier = new Mbarrier(1);
        final long old = barrier.arrive(1, false, true);
        assertTrue(barrier.isCompleted(old));
        barrier.arrive(1, false, true);
        assertMessage("a wait for phase 0", () -> barrier.isCompleted(old));
    }

    private static void assertMessage(final String part, final org.junit.jupiter.api.function.Executable executable) {
        final String message = assertThrows(IllegalStateException.class, executable).getMessage();
        assertTrue(message.contains(part), message);
    }
}
