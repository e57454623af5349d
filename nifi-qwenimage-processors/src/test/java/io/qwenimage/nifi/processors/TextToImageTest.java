package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageMetadata;
import io.qwenimage.nifi.services.standard.CpuComputeDeviceService;
import io.qwenimage.nifi.services.standard.StandardQwenImageModelService;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.processor.VerifiableProcessor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockConfigurationContext;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.Test;

/** The whole line on the CPU with the embedded demo model, through the services that are shipped. */
class TextToImageTest {
    private static final String THREADS = "Threads";

    @Test
    void testRunSuccess() throws Exception {
        final byte[] first = picture("a red kite over Lisbon", 7);
        final byte[] second = picture("a red kite over Lisbon", 7);

        assertArrayEquals(first, second, "the same prompt and seed give the same file");
        final BufferedImage pixels = ImageIO.read(new ByteArrayInputStream(first));
        assertEquals(64, pixels.getWidth());
        assertEquals(48, pixels.getHeight());
        final ImageMetadata metadata = ImageMetadata.read(first);
        assertEquals("a red kite over Lisbon", metadata.prompt());
        assertEquals(7, metadata.seed());
        assertEquals(2, metadata.steps());
        assertEquals(64, metadata.width());
    }

    @Test
    void testVerifySuccessful() throws Exception {
        final Line line = new Line(new EncodeText());
        assertSuccessful(((VerifiableProcessor) line.runner.getProcessor()).verify(line.runner.getProcessContext(),
                line.runner.getLogger(), Map.of()));
        line.runner.disableControllerService(line.model);
        final Map<PropertyDescriptor, String> properties = Map.of(
                line.model.getPropertyDescriptor("Compute Device Service"), "device");
        assertSuccessful(line.model.verify(new MockConfigurationContext(line.model, properties,
                line.runner.getProcessContext().getControllerServiceLookup(), Map.of()), line.runner.getLogger(),
                Map.of()));
        line.runner.disableControllerService(line.device);
    }

    private static byte[] picture(final String prompt, final long seed) throws InitializationException {
        final MockFlowFile encoded = run(new EncodeText(), prompt.getBytes(StandardCharsets.UTF_8),
                Map.of());
        final MockFlowFile denoised = run(new Denoise(), encoded.toByteArray(), Map.of("Width", "70", "Height", "50",
                "Steps", "2", "Seed", Long.toString(seed)));
        return run(new DecodeVAE(), denoised.toByteArray(), Map.of()).toByteArray();
    }

    private static MockFlowFile run(final Processor processor, final byte[] content,
            final Map<String, String> properties) throws InitializationException {
        final Line line = new Line(processor);
        properties.forEach(line.runner::setProperty);
        line.runner.enqueue(content);
        line.runner.run(1, true, true, 60_000);
        line.runner.disableControllerService(line.model);
        line.runner.disableControllerService(line.device);
        line.runner.assertTransferCount("success", 1);
        return line.runner.getFlowFilesForRelationship("success").getFirst();
    }

    private static void assertSuccessful(final List<ConfigVerificationResult> results) {
        assertTrue(results.size() >= 3, results::toString);
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
    }

    /** A processor with services of its own. */
    private static final class Line {
        private final CpuComputeDeviceService device = new CpuComputeDeviceService();
        private final StandardQwenImageModelService model = new StandardQwenImageModelService();
        private final TestRunner runner;

        Line(final Processor processor) throws InitializationException {
            runner = TestRunners.newTestRunner(processor);
            runner.addControllerService("device", device);
            runner.setProperty(device, THREADS, "1");
            runner.enableControllerService(device);
            runner.addControllerService("model", model);
            runner.setProperty(model, "Compute Device Service", "device");
            runner.enableControllerService(model);
            runner.setProperty(AbstractStageProcessor.MODEL_SERVICE, "model");
        }
    }
}
