package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class StandardQwenImageModelServiceTest {
    private final FakeBackends backends = new FakeBackends();
    private final FakeLibrary library = new FakeLibrary();
    private final CpuComputeDeviceService device = new CpuComputeDeviceService(backends);
    private final StandardQwenImageModelService service = new StandardQwenImageModelService(library);
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @TempDir
    private Path folder;

    @BeforeEach
    void addServices() throws InitializationException {
        runner.addControllerService("device", device);
        runner.enableControllerService(device);
        runner.addControllerService("model", service);
        runner.setProperty(service, StandardQwenImageModelService.COMPUTE_DEVICE_SERVICE, "device");
    }

    @Test
    void testEnableAndDisableAgainAndAgain() {
        for (int cycle = 1; cycle <= 3; cycle++) {
            runner.enableControllerService(service);
            assertEquals(cycle - 1, library.pipelines().size(), "enabling opens no model");
            try (ModelLease<QwenImagePipeline> lease = service.acquire(Cancellation.NEVER)) {
                assertEquals("fake-1", lease.pipeline().card().id());
            }
            assertEquals(0, library.pipelines().getLast().closes(), "the model stays between requests");
            runner.disableControllerService(service);
            assertEquals(cycle, library.pipelines().size());
            assertEquals(1, library.pipelines().getLast().closes());
        }
        assertEquals(List.of(FakeLibrary.DEMO, FakeLibrary.DEMO, FakeLibrary.DEMO), library.folders());
        runner.disableControllerService(device);
        assertEquals(1, backends.closed());
    }

    @Test
    void testLeaseOutlivesDisabling() {
        runner.enableControllerService(service);
        final ModelLease<QwenImagePipeline> lease = service.acquire(Cancellation.NEVER);
        runner.disableControllerService(service);
        runner.disableControllerService(device);
        assertSame(library.pipelines().getFirst(), lease.pipeline());
        assertEquals(0, library.pipelines().getFirst().closes());
        assertEquals(0, backends.closed());

        lease.close();
        assertEquals(1, library.pipelines().getFirst().closes());
        assertEquals(1, backends.closed());
    }

    @Test
    void testModelFolder() {
        runner.setProperty(service, StandardQwenImageModelService.MODEL_SOURCE, ModelSource.FOLDER);
        runner.assertNotValid(service);
        runner.setProperty(service, StandardQwenImageModelService.MODEL_FOLDER, folder.resolve("missing").toString());
        runner.assertNotValid(service);
        runner.setProperty(service, StandardQwenImageModelService.MODEL_FOLDER, folder.toString());
        runner.assertValid(service);
        runner.enableControllerService(service);
        service.acquire(Cancellation.NEVER).close();

        assertEquals(List.of(folder), library.folders());
        runner.disableControllerService(service);
    }

    @Test
    void testEnableFailsClearly() {
        library.find(new VerificationStep("Folder", true, "found"),
                new VerificationStep("Index of transformer", false, "model-00002.safetensors is missing; download it"));

        final InitializationException fault = assertThrows(InitializationException.class,
                () -> service.onEnabled(context(Map.of())));

        assertTrue(fault.getMessage().contains("model-00002.safetensors is missing; download it"), fault.getMessage());
        assertThrows(ServiceUnavailableException.class, () -> service.acquire(Cancellation.NEVER));
    }

    @Test
    void testEnableFailsClearlyWithoutDevice() {
        runner.disableControllerService(device);

        final InitializationException fault = assertThrows(InitializationException.class,
                () -> service.onEnabled(context(Map.of())));

        assertTrue(fault.getMessage().contains("compute device service"), fault.getMessage());
    }

    @Test
    void testIdleModelIsUnloaded() throws InterruptedException {
        runner.setProperty(service, StandardQwenImageModelService.IDLE_UNLOAD_TIME, "20 ms");
        runner.enableControllerService(service);
        service.acquire(Cancellation.NEVER).close();
        while (library.pipelines().getFirst().closes() == 0) {
            Thread.sleep(5);
        }
        service.acquire(Cancellation.NEVER).close();

        assertEquals(2, library.pipelines().size());
        runner.disableControllerService(service);
    }

    @Test
    void testAcquireWhileDisabled() {
        assertThrows(ServiceUnavailableException.class, () -> service.acquire(Cancellation.NEVER));
    }

    @Test
    void testVerifySuccessful() {
        library.find(new VerificationStep("Folder", true, "found"), new VerificationStep("Shapes", true, "they fit"));

        final List<ConfigVerificationResult> results = verify();

        assertEquals(List.of("Compute Device", "Folder", "Shapes", "Forward"), names(results));
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertTrue(results.getLast().getExplanation().contains("32 x 32 pixels"), results.getLast().getExplanation());
        assertEquals(1, library.pipelines().getFirst().closes(), "verification leaves nothing open");
    }

    @Test
    void testVerifyFailedFolder() {
        library.find(new VerificationStep("Folder", true, "found"),
                new VerificationStep("Memory", false, "40 GiB are needed, the budget is 24 GiB"));

        final List<ConfigVerificationResult> results = verify();

        assertEquals(List.of(Outcome.SUCCESSFUL, Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.SKIPPED),
                outcomes(results));
        assertTrue(library.pipelines().isEmpty(), "what does not fit is not loaded");
    }

    @Test
    void testVerifyFailedForward() {
        library.refuse(new ResourceExhaustedException("asked for 3 GiB, free are 2 GiB"));

        final List<ConfigVerificationResult> results = verify();

        assertEquals(Outcome.FAILED, results.getLast().getOutcome());
        assertEquals("asked for 3 GiB, free are 2 GiB", results.getLast().getExplanation());
    }

    @Test
    void testVerifyFailedWithoutDevice() {
        runner.disableControllerService(device);

        final List<ConfigVerificationResult> results = verify();

        assertEquals(List.of("Compute Device", "Forward"), names(results));
        assertEquals(List.of(Outcome.FAILED, Outcome.SKIPPED), outcomes(results));
    }

    private List<ConfigVerificationResult> verify() {
        return service.verify(context(Map.of()), runner.getLogger(), Map.of());
    }

    private MockConfigurationContext context(final Map<PropertyDescriptor, String> properties) {
        final Map<PropertyDescriptor, String> all = new HashMap<>(properties);
        all.put(StandardQwenImageModelService.COMPUTE_DEVICE_SERVICE, "device");
        return new MockConfigurationContext(service, all, runner.getProcessContext().getControllerServiceLookup(),
                Map.of());
    }

    private static List<String> names(final List<ConfigVerificationResult> results) {
        return results.stream().map(ConfigVerificationResult::getVerificationStepName).toList();
    }

    private static List<Outcome> outcomes(final List<ConfigVerificationResult> results) {
        return results.stream().map(ConfigVerificationResult::getOutcome).toList();
    }
}
