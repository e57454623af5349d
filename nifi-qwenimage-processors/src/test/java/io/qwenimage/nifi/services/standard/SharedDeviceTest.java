package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.backend.Backend;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.nifi.processors.Denoise;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.Bundles;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.pipeline.VerificationStep;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SharedDeviceTest {
    private static final int PICTURES = 3;
    private static final int SECOND_SEED = 100;

    private final FakeBackends backends = new FakeBackends();
    private final SharedDevice device = new SharedDevice(backends.open(), 1);
    private final FakePipeline pipeline = new FakePipeline();

    @Test
    void twoProcessorsTakeTurnsOnOnePermit() throws Exception {
        final AtomicInteger running = new AtomicInteger(2);
        pipeline.afterStep(step -> awaitOther(step, running));
        final byte[] encoded = encoded();
        final Thread first = denoise(encoded, 0, running);
        final Thread second = denoise(encoded, SECOND_SEED, running);
        first.join();
        second.join();

        final List<Boolean> turns = pipeline.requests().stream().map(request -> request.seed() < SECOND_SEED).toList();
        assertEquals(2 * PICTURES, turns.size());
        for (int turn = 1; turn < turns.size(); turn++) {
            assertEquals(!turns.get(turn - 1), turns.get(turn), () -> "nobody is served twice in a row: " + turns);
        }
    }

    @Test
    void retiredDeviceLendsNothing() {
        device.retire();

        assertThrows(ServiceUnavailableException.class, device::lease);
        assertEquals(1, backends.closed());
    }

    /** Whoever computes goes on only when the other one stands in the queue, or has no more to do. */
    private void awaitOther(final int step, final AtomicInteger running) {
        while (step == 0 && running.get() == 2 && device.waiting() == 0) {
            Thread.onSpinWait();
        }
    }

    private Thread denoise(final byte[] encoded, final int seed, final AtomicInteger running)
            throws InitializationException {
        final TestRunner runner = TestRunners.newTestRunner(new Denoise());
        final FakeDeviceService deviceService = new FakeDeviceService(device);
        final StandardQwenImageModelService modelService = new StandardQwenImageModelService(new OnePipeline(pipeline));
        runner.addControllerService("device", deviceService);
        runner.enableControllerService(deviceService);
        runner.addControllerService("model", modelService);
        runner.setProperty(modelService, StandardQwenImageModelService.COMPUTE_DEVICE_SERVICE, "device");
        runner.enableControllerService(modelService);
        runner.setProperty("Model Service", "model");
        runner.setProperty("Seed", Integer.toString(seed));
        runner.setProperty("Pictures per Prompt", Integer.toString(PICTURES));
        runner.enqueue(encoded);
        return Thread.ofPlatform().start(() -> {
            try {
                runner.run(1, true, true, 30_000);
            } finally {
                running.decrementAndGet();
            }
        });
    }

    private static byte[] encoded() throws IOException {
        final Bundle bundle = new FakePipeline().encodeText(new TextRequest("a kite", null), () -> { });
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        Bundles.write(out, bundle);
        return out.toByteArray();
    }

    private record OnePipeline(QwenImagePipeline pipeline) implements ModelLibrary {
        @Override
        public Path demoFolder() {
            return FakeLibrary.DEMO;
        }

        @Override
        public List<VerificationStep> inspect(final Path folder, final Backend backend) {
            return List.of();
        }

        @Override
        public QwenImagePipeline open(final Path folder, final ComponentStore components) {
            return pipeline;
        }
    }
}
