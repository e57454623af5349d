package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockConfigurationContext;
import org.apache.nifi.util.NoOpProcessor;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a damaged model folder looks like from NiFi. */
class PipelineLibraryTest {
    private final FakeBackends backends = new FakeBackends();
    private final CpuComputeDeviceService device = new CpuComputeDeviceService(backends);
    private final StandardQwenImageModelService service = new StandardQwenImageModelService();
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @TempDir
    private Path cache;
    private Path folder;

    @BeforeEach
    void unpack() throws InitializationException {
        folder = DemoModel.unpack(cache);
        runner.addControllerService("device", device);
        runner.enableControllerService(device);
        runner.addControllerService("model", service);
    }

    @Test
    void testWholeFolderIsAccepted() throws InitializationException {
        service.onEnabled(context());
        service.onDisabled();

        assertTrue(steps().stream().allMatch(result -> result.getOutcome() == Outcome.SUCCESSFUL), steps()::toString);
    }

    @Test
    void testMissingShardIsNamed() throws IOException {
        Files.delete(weights("transformer"));

        assertRefused("transformer");
    }

    @Test
    void testTruncatedWeightsAreNamed() throws IOException {
        final Path weights = weights("vae");
        final byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));

        assertRefused("vae");
    }

    @Test
    void testConfigThatDoesNotFitIsNamed() throws IOException {
        final Path config = folder.resolve("transformer/config.json");
        Files.writeString(config, Files.readString(config).replaceAll("\"num_layers\": *\\d+", "\"num_layers\": 99"));

        assertRefused("transformer_blocks");
    }

    @Test
    void testComponentInsteadOfPipelineIsNamed() {
        folder = folder.resolve("transformer");

        assertRefused("model_index.json");
    }

    private Path weights(final String component) throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve(component))) {
            return files.filter(file -> file.toString().endsWith(".safetensors")).findFirst().orElseThrow();
        }
    }

    private void assertRefused(final String thing) {
        final String message =
                assertThrows(InitializationException.class, () -> service.onEnabled(context())).getMessage();
        assertTrue(message.contains(folder.toString()) && message.contains(thing), message);
        assertThrows(ServiceUnavailableException.class, () -> service.acquire(Cancellation.NEVER));
        final List<ConfigVerificationResult> results =
                service.verify(context(), runner.getLogger(), Map.of());
        assertTrue(results.stream().anyMatch(result -> result.getOutcome() == Outcome.FAILED
                && result.getExplanation().contains(thing)), results::toString);
        assertEquals(Outcome.SKIPPED, results.getLast().getOutcome(), "what is damaged is not loaded");
    }

    /** All steps but the forward pass, for which these tests have no device. */
    private List<ConfigVerificationResult> steps() {
        final List<ConfigVerificationResult> results = service.verify(context(), runner.getLogger(), Map.of());
        return results.subList(0, results.size() - 1);
    }

    private MockConfigurationContext context() {
        final Map<PropertyDescriptor, String> properties = new HashMap<>();
        properties.put(StandardQwenImageModelService.COMPUTE_DEVICE_SERVICE, "device");
        properties.put(StandardQwenImageModelService.MODEL_SOURCE, ModelSource.FOLDER.getValue());
        properties.put(StandardQwenImageModelService.MODEL_FOLDER, folder.toString());
        return new MockConfigurationContext(service, properties, runner.getProcessContext()
                .getControllerServiceLookup(), Map.of());
    }
}
