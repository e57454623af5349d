package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.weights.WeightException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ModelKeeperTest {
    private static final long IDLE = 100;

    private final FakeBackends backends = new FakeBackends();
    private final FakeDeviceService device = new FakeDeviceService(
            new SharedDevice(backends.open(), 1));
    private final AtomicLong clock = new AtomicLong();
    private final List<FakePipeline> opened = new ArrayList<>();
    private final ModelKeeper<QwenImagePipeline> keeper = new ModelKeeper<>(device, components -> {
        opened.add(new FakePipeline());
        return opened.getLast();
    }, QwenImagePipeline::close, clock::get);

    @Test
    void modelIsOpenedOnceAndWhenFirstWanted() {
        assertTrue(opened.isEmpty());
        final QwenImagePipeline first = use();
        final QwenImagePipeline second = use();

        assertSame(first, second);
        assertEquals(1, opened.size());
        assertEquals(0, opened.getFirst().closes());
    }

    @Test
    void idleModelIsClosedAndOpenedAgain() {
        final QwenImagePipeline first = use();
        clock.addAndGet(IDLE - 1);
        assertFalse(keeper.closeIfIdle(IDLE));
        clock.addAndGet(1);
        assertTrue(keeper.closeIfIdle(IDLE));
        assertEquals(1, opened.getFirst().closes());
        assertFalse(keeper.closeIfIdle(IDLE), "it is closed already");

        assertNotSame(first, use());
    }

    @Test
    void idlenessBeginsWhenTheLastLeaseEnds() {
        final ModelLease<QwenImagePipeline> lease = keeper.lease(Cancellation.NEVER);
        clock.addAndGet(10 * IDLE);
        assertFalse(keeper.closeIfIdle(IDLE), "it is in use");
        lease.close();
        assertFalse(keeper.closeIfIdle(IDLE));
        clock.addAndGet(IDLE);
        assertTrue(keeper.closeIfIdle(IDLE));
    }

    @Test
    void leaseOutlivesRetirementOfModelAndDevice() {
        final ModelLease<QwenImagePipeline> lease = keeper.lease(Cancellation.NEVER);
        keeper.retire();
        device.retire();
        assertSame(opened.getFirst(), lease.pipeline());
        assertEquals(0, opened.getFirst().closes());
        assertEquals(0, backends.closed());
        assertThrows(ServiceUnavailableException.class, () -> keeper.lease(Cancellation.NEVER));

        lease.close();
        lease.close();
        assertEquals(1, opened.getFirst().closes());
        assertEquals(1, backends.closed(), "the device goes after the model");
        assertThrows(IllegalStateException.class, lease::pipeline);
    }

    @Test
    void failedOpeningHoldsNothingAndIsTriedAgain() {
        final List<String> attempts = new ArrayList<>();
        final ModelKeeper<QwenImagePipeline> failing = new ModelKeeper<>(device, components -> {
            attempts.add(components.backend().describe());
            throw new WeightException("model_index.json is missing");
        }, QwenImagePipeline::close, clock::get);
        for (int i = 0; i < 2; i++) {
            assertEquals("model_index.json is missing",
                    assertThrows(WeightException.class, () -> failing.lease(Cancellation.NEVER)).getMessage());
        }
        assertEquals(2, attempts.size());
        device.retire();
        assertEquals(1, backends.closed(), "no lease on the device was left behind");
    }

    @Test
    void cancellationWhileWaitingHoldsNothing() {
        assertThrows(CancellationException.class, () -> keeper.lease(() -> {
            throw new CancellationException("stopped");
        }));
        keeper.retire();

        assertEquals(1, opened.getFirst().closes());
    }

    @Test
    void disabledDeviceIsNamed() {
        device.refuse(new IllegalStateException("Cannot invoke method acquire"));

        final String message = assertThrows(ServiceUnavailableException.class,
                () -> keeper.lease(Cancellation.NEVER)).getMessage();
        assertTrue(message.contains("compute device service") && message.contains("enable it"), message);
    }

    private QwenImagePipeline use() {
        try (ModelLease<QwenImagePipeline> lease = keeper.lease(Cancellation.NEVER)) {
            return lease.pipeline();
        }
    }
}
