package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.nifi.services.TinyQuestion;
import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.VisionLanguagePipeline;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The service on the CPU with real folders; what it shares with the other model service is tested there. */
class StandardQwenVisionLanguageModelServiceTest {
    private static final Path MODELS = Path.of("src/test/resources/goldens-vision/models");

    private final CpuComputeDeviceService device = new CpuComputeDeviceService();
    private final StandardQwenVisionLanguageModelService service = new StandardQwenVisionLanguageModelService();
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @TempDir
    private Path folder;

    @BeforeEach
    void addServices() throws InitializationException {
        runner.addControllerService("device", device);
        runner.setProperty(device, CpuComputeDeviceService.THREADS, "1");
        runner.enableControllerService(device);
        runner.addControllerService("model", service);
        runner.setProperty(service, AbstractModelService.COMPUTE_DEVICE_SERVICE, "device");
    }

    @AfterEach
    void disableDevice() {
        runner.disableControllerService(device);
    }

    @Test
    void testDemoAnswers() {
        runner.enableControllerService(service);
        try (ModelLease<VisionLanguagePipeline> lease = service.acquire(Cancellation.NEVER)) {
            assertTrue(new TinyQuestion(lease.pipeline()).ask().tokenIds().length > 0);
            assertFalse(lease.pipeline().card().displayName().isBlank());
        }
        runner.disableControllerService(service);
        assertThrows(ServiceUnavailableException.class, () -> service.acquire(Cancellation.NEVER));
    }

    static Stream<Path> folders() {
        return Stream.of("qwen2vl-flat-bf16", "qwen25vl-current-f32", "qwen3vl-published-bf16").map(MODELS::resolve);
    }

    @ParameterizedTest
    @MethodSource("folders")
    void testVerifyEveryGeneration(final Path model) {
        assertSuccessful(verify(model));
    }

    @Test
    void testVerifyTextEncoderOfPipeline() {
        final List<ConfigVerificationResult> results = verify(DemoModel.unpack(folder));

        assertSuccessful(results);
        assertTrue(results.get(1).getExplanation().contains("text encoder"), results.get(1).getExplanation());
    }

    @Test
    void testTruncatedWeightsAreNamed() throws IOException {
        copy(MODELS.resolve("qwen2vl-flat-bf16"));
        final Path weights;
        try (Stream<Path> files = Files.list(folder)) {
            weights = files.filter(file -> file.toString().endsWith(".safetensors")).sorted().findFirst().orElseThrow();
        }
        final byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));

        assertRefused(weights.getFileName().toString());
    }

    @Test
    void testOtherArchitectureIsNamed() throws IOException {
        copy(MODELS.resolve("qwen2vl-flat-bf16"));
        final Path config = folder.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"qwen2_vl\"", "\"llama\""));

        assertRefused("llama");
    }

    @Test
    void testFolderOfSomethingElseIsNamed() {
        assertRefused("config.json");
    }

    private void assertRefused(final String thing) {
        final InitializationException fault =
                assertThrows(InitializationException.class, () -> service.onEnabled(context(folder)));
        assertTrue(fault.getMessage().contains(thing), fault.getMessage());
        final List<ConfigVerificationResult> results = verify(folder);
        assertTrue(results.stream().anyMatch(result -> result.getOutcome() == Outcome.FAILED
                && result.getExplanation().contains(thing)), results::toString);
        assertEquals(Outcome.SKIPPED, results.getLast().getOutcome(), "what is damaged is not loaded");
    }

    private List<ConfigVerificationResult> verify(final Path model) {
        return service.verify(context(model), runner.getLogger(), Map.of());
    }

    private MockConfigurationContext context(final Path model) {
        final Map<PropertyDescriptor, String> properties = new HashMap<>();
        properties.put(AbstractModelService.COMPUTE_DEVICE_SERVICE, "device");
        properties.put(AbstractModelService.MODEL_SOURCE, ModelSource.FOLDER.getValue());
        properties.put(StandardQwenVisionLanguageModelService.MODEL_FOLDER, model.toString());
        return new MockConfigurationContext(service, properties, runner.getProcessContext()
                .getControllerServiceLookup(), Map.of());
    }

    private void copy(final Path model) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (final Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
    }

    private static void assertSuccessful(final List<ConfigVerificationResult> results) {
        assertEquals(8, results.size(), results::toString);
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
    }
}
