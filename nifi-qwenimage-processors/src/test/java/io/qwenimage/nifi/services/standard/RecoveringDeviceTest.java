package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.nifi.util.MockComponentLog;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RecoveringDeviceTest {
    private static final String REASON = "a kernel wrote where it must not";

    private final FakeBackends backends = new FakeBackends();
    private final Deque<Runnable> tasks = new ArrayDeque<>();
    private final AtomicLong clock = new AtomicLong();
    private final MockComponentLog logger = new MockComponentLog("device", this);
    private final RecoveringDevice device = new RecoveringDevice(backends::open, 2, tasks::add, clock::get, logger);

    @Test
    void testLostDeviceIsClosedWhenTheLastHasLetGoAndThenOpenedAnew() {
        final DeviceLease idle = device.lease();
        final DeviceLease first = device.lease();
        final DeviceLease second = device.lease();
        final DevicePermit one = first.permit(Cancellation.NEVER);
        final DevicePermit other = second.permit(Cancellation.NEVER);
        backends.lose(REASON);
        assertTrue(idle.isLost());

        one.close();
        first.close();
        assertEquals(0, tasks.size(), "never closed under one who still computes");
        final String message = assertThrows(ServiceUnavailableException.class, device::lease).getMessage();
        assertTrue(message.contains(REASON), message);
        assertThrows(ServiceUnavailableException.class, () -> idle.permit(Cancellation.NEVER));
        assertTrue(device.fault().isPresent());

        other.close();
        second.close();
        assertEquals(1, tasks.size());
        assertEquals(0, backends.closed(), "what may hang is left to the executor");
        tasks.poll().run();
        assertEquals(1, backends.closed());
        try (DeviceLease anew = device.lease()) {
            assertFalse(anew.isLost());
        }
        assertTrue(device.fault().isEmpty());
        assertTrue(logger.getErrorMessages().getFirst().getMsg().contains("taken out"), logger::toString);
        assertTrue(logger.getWarnMessages().getFirst().getMsg().contains("open again"), logger::toString);

        idle.close();
        assertEquals(1, backends.closed(), "closed once");
        device.retire();
        assertEquals(2, backends.closed());
    }

    @Test
    void testWhoWaitsForALostDeviceIsToldSo() throws InterruptedException {
        final DeviceLease lease = device.lease();
        final DevicePermit one = lease.permit(Cancellation.NEVER);
        final DevicePermit other = lease.permit(Cancellation.NEVER);
        final AtomicReference<RuntimeException> told = new AtomicReference<>();
        final Thread waiting = Thread.ofPlatform().start(() -> {
            try (DevicePermit permit = lease.permit(Cancellation.NEVER)) {
                told.set(new IllegalStateException("got " + permit));
            } catch (final ServiceUnavailableException e) {
                told.set(e);
            }
        });
        backends.lose(REASON);
        one.close();
        waiting.join();
        assertTrue(told.get().getMessage().contains(REASON), told.get().getMessage());
        other.close();
        lease.close();
    }

    @Test
    void testLossThatNobodyMetIsNoticedByTheNextToAsk() {
        backends.lose(REASON);
        assertThrows(ServiceUnavailableException.class, device::lease);
        tasks.poll().run();
        device.lease().close();
        assertEquals(2, backends.opened());
    }

    @Test
    void testDeviceLostForGoodIsTriedAgainNowAndThen() {
        backends.lose(REASON);
        backends.refuse(new IllegalStateException("it has fallen off the bus"));
        assertThrows(ServiceUnavailableException.class, device::lease);
        tasks.poll().run();

        final String message = assertThrows(ServiceUnavailableException.class, device::lease).getMessage();
        assertTrue(message.contains("it has fallen off the bus"), message);
        assertEquals(0, tasks.size(), "not again at once");
        clock.addAndGet(RecoveringDevice.RETRY_NANOS);
        assertThrows(ServiceUnavailableException.class, device::lease);
        assertThrows(ServiceUnavailableException.class, device::lease);
        assertEquals(1, tasks.size(), "one attempt at a time");
        backends.refuse(null);
        tasks.poll().run();
        device.lease().close();
    }

    @Test
    void testRetiredWhileLostIsRememberedUntilItCanBeOpened() {
        backends.lose(REASON);
        backends.refuse(new IllegalStateException("it has fallen off the bus"));
        assertThrows(ServiceUnavailableException.class, device::lease);
        tasks.poll().run();
        device.retire();
        assertTrue(device.fault().isPresent());

        backends.refuse(null);
        clock.addAndGet(RecoveringDevice.RETRY_NANOS);
        device.tryAgain();
        tasks.poll().run();
        assertTrue(device.fault().isEmpty());
        assertEquals(backends.opened(), backends.closed(), "it was only tried");
        assertThrows(ServiceUnavailableException.class, device::lease);
    }

    @Test
    void testLostAfterItWasRetired() {
        final DeviceLease lease = device.lease();
        final DevicePermit permit = lease.permit(Cancellation.NEVER);
        device.retire();
        backends.lose(REASON);
        permit.close();
        lease.close();
        assertEquals(0, backends.closed(), "what may hang is left to the executor");
        tasks.poll().run();
        assertEquals(1, backends.closed());
        assertTrue(device.fault().isEmpty(), "nobody wants it any more");
    }
}
