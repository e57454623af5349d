package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.nio.file.Path;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuComputeDeviceServiceTest {
    private static final long GIBIBYTE = 1L << 30;

    private final FakeBackends backends = new FakeBackends();
    private final CpuComputeDeviceService service = new CpuComputeDeviceService(backends);
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @BeforeEach
    void addService() throws InitializationException {
        runner.addControllerService("device", service);
    }

    @Test
    void testEnableAndDisableAgainAndAgain() {
        for (int cycle = 1; cycle <= 3; cycle++) {
            runner.enableControllerService(service);
            try (DeviceLease lease = service.acquire(); DevicePermit permit = lease.permit(Cancellation.NEVER)) {
                assertEquals("a device that computes nothing", lease.backend().describe(), permit::toString);
            }
            assertEquals(cycle - 1, backends.closed(), "the device stays open between requests");
            runner.disableControllerService(service);
            assertEquals(cycle, backends.opened());
            assertEquals(cycle, backends.closed());
        }
    }

    @Test
    void testLeaseOutlivesDisabling() {
        runner.enableControllerService(service);
        final DeviceLease lease = service.acquire();
        final DevicePermit permit = lease.permit(Cancellation.NEVER);
        runner.disableControllerService(service);
        assertEquals(0, backends.closed(), "never under a running lease");
        assertEquals("a device that computes nothing", lease.backend().describe());
        permit.close();
        lease.close();
        assertEquals(1, backends.closed());
    }

    @Test
    void testLeaseOfAnEarlierEnablingFreesItsOwnDevice() {
        runner.enableControllerService(service);
        final DeviceLease early = service.acquire();
        runner.disableControllerService(service);
        runner.enableControllerService(service);
        try (DeviceLease late = service.acquire()) {
            assertFalse(early.backend() == late.backend());
            early.close();
            assertEquals(1, backends.closed());
            assertEquals("a device that computes nothing", late.backend().describe());
        }
        runner.disableControllerService(service);
        assertEquals(2, backends.closed());
    }

    @Test
    void testAcquireWhileDisabled() {
        assertThrows(ServiceUnavailableException.class, service::acquire);
        runner.enableControllerService(service);
        runner.disableControllerService(service);
        final String message = assertThrows(ServiceUnavailableException.class, service::acquire).getMessage();
        assertTrue(message.contains("enable it"), message);
    }

    @Test
    void testPropertiesReachTheDevice() {
        runner.setProperty(service, CpuComputeDeviceService.THREADS, "3");
        runner.setProperty(service, CpuComputeDeviceService.MEMORY_BUDGET, "2 GB");
        runner.setProperty(service, CpuComputeDeviceService.NATIVE_LIBRARY_CACHE_DIRECTORY, "cache");
        runner.enableControllerService(service);

        assertEquals(List.of(new CpuOptions(3, 2 * GIBIBYTE, Path.of("cache"),
                CpuOptions.Arithmetic.AUTOMATIC)), backends.options());
        runner.disableControllerService(service);
    }

    @Test
    void testDefaultsFitTheMachine() {
        runner.enableControllerService(service);

        final CpuOptions options = backends.options().getFirst();
        assertEquals(Runtime.getRuntime().availableProcessors(), options.threads());
        assertTrue(options.memoryBudget() > 0);
        runner.disableControllerService(service);
    }

    @ParameterizedTest
    @CsvSource({"64, 1, 47", "64, 60, 16", "2, 1, 0"})
    void testDefaultBudget(final long physical, final long heap, final long gibibytes) {
        assertEquals(gibibytes, CpuComputeDeviceService.defaultBudget(physical * GIBIBYTE,
                heap * GIBIBYTE) / GIBIBYTE);
    }

    @ParameterizedTest
    @CsvSource({"Threads, 0", "Threads, many", "Memory Budget, lots", "Concurrent Requests, 0"})
    void testNotValid(final String property, final String value) {
        runner.assertValid(service);
        runner.setProperty(service, property, value);
        runner.assertNotValid(service);
    }

    @Test
    void testEnableFailsClearly() {
        final CpuComputeDeviceService failing = new CpuComputeDeviceService(options -> {
            throw new IllegalStateException("oneDNN cannot be loaded on linux-riscv64");
        });
        final InitializationException fault = assertThrows(InitializationException.class,
                () -> failing.onEnabled(new MockConfigurationContext(Map.of(
                        CpuComputeDeviceService.CONCURRENT_REQUESTS, "1"), null, Map.of())));
        assertTrue(fault.getMessage().contains("oneDNN cannot be loaded on linux-riscv64"), fault.getMessage());
        assertThrows(ServiceUnavailableException.class, failing::acquire);
    }

    @Test
    void testConcurrentRequests() {
        runner.setProperty(service, CpuComputeDeviceService.CONCURRENT_REQUESTS, "2");
        runner.enableControllerService(service);
        try (DeviceLease lease = service.acquire();
                DevicePermit first = lease.permit(Cancellation.NEVER);
                DevicePermit second = lease.permit(Cancellation.NEVER)) {
            assertFalse(first == second);
            assertSame(lease.backend(), lease.backend());
        }
        runner.disableControllerService(service);
    }

    @Test
    void testVerify() {
        final List<ConfigVerificationResult> results = verify(Map.of());

        assertEquals(List.of("Memory Budget", "Device"),
                results.stream().map(ConfigVerificationResult::getVerificationStepName).toList());
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertEquals(backends.opened(), backends.closed(), "verification leaves nothing open");
    }

    @Test
    void testVerifyFailedOnTooLargeBudget() {
        final List<ConfigVerificationResult> results =
                verify(Map.of(CpuComputeDeviceService.MEMORY_BUDGET, "4096 TB"));

        assertEquals(List.of(Outcome.FAILED, Outcome.SKIPPED),
                results.stream().map(ConfigVerificationResult::getOutcome).toList());
        assertTrue(results.getFirst().getExplanation().contains("lower Memory Budget"));
    }

    private List<ConfigVerificationResult> verify(
            final Map<PropertyDescriptor, String> properties) {
        return service.verify(new MockConfigurationContext(properties, null, Map.of()), runner.getLogger(), Map.of());
    }
}
