package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cuda.CudaGpu;
import io.qwenimage.backend.cuda.CudaLibrary;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.tensor.DType;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The service over the stand-ins for the driver, cuBLASLt and cuDNN. */
@Timeout(120)
class CudaComputeDeviceServiceTest {
    private static final long GIBIBYTE = 1L << 30;

    private final StandIn standIn = StandIn.installWithLibraries();
    private final CudaComputeDeviceService service =
            new CudaComputeDeviceService(CudaPlatform.INSTALLED, Runnable::run);
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @BeforeEach
    void addService() throws InitializationException {
        standIn.setUp(5, PosedDevice.a100(), PosedDevice.h100(), PosedDevice.rtx4090());
        runner.addControllerService("device", service);
    }

    @AfterEach
    void checkBooks() {
        assertEquals(List.of(), standIn.findings());
        assertEquals(List.of(), standIn.open());
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void testComputesInThePrecisionAskedFor(final Precision precision) {
        runner.setProperty(service, CudaComputeDeviceService.PRECISION, precision.getValue());
        runner.enableControllerService(service);
        try (DeviceLease lease = service.acquire()) {
            assertEquals(precision.type(), lease.backend().activationType());
            DeviceTrial.run(lease.backend());
        }
        runner.disableControllerService(service);
    }

    @Test
    void testEnabledAndDisabledAHundredTimes() {
        select(DeviceSelection.INDEX, "0");
        for (int cycle = 0; cycle < 100; cycle++) {
            runner.enableControllerService(service);
            try (DeviceLease lease = service.acquire()) {
                DeviceTrial.run(lease.backend());
            }
            runner.disableControllerService(service);
            assertEquals(List.of(), standIn.open(), "after cycle " + cycle);
            assertEquals(List.of(), standIn.findings(), "after cycle " + cycle);
        }
        assertTrue(standIn.books().allocations() >= 100, "every cycle has taken memory, and given it back");
    }

    @Test
    void testLeaseOutlivesDisabling() {
        runner.enableControllerService(service);
        final DeviceLease lease = service.acquire();
        runner.disableControllerService(service);
        DeviceTrial.run(lease.backend());
        assertThrows(ServiceUnavailableException.class, service::acquire);
        lease.close();
    }

    @ParameterizedTest
    @CsvSource({"MOST_FREE_MEMORY,, Stand-in H100", "INDEX, 2, Stand-in RTX 4090",
        "UUID, 00535441-4e44-494e-0000-000000000001, Stand-in A100",
        "UUID, GPU-00535441-4E44-494E-0000-000000000003, Stand-in RTX 4090"})
    void testDeviceIsChosen(final DeviceSelection selection, final String value, final String name) {
        select(selection, value);
        runner.enableControllerService(service);
        try (DeviceLease lease = service.acquire()) {
            assertTrue(lease.backend().describe().startsWith(name), lease.backend().describe());
        }
        runner.disableControllerService(service);
    }

    @ParameterizedTest
    @CsvSource({"INDEX, 7, Device Index is 7", "UUID, GPU-none, Device UUID is GPU-none"})
    void testDeviceThatIsNotThere(final DeviceSelection selection, final String value, final String message) {
        select(selection, value);
        final Throwable fault = assertThrows(AssertionError.class, () -> runner.enableControllerService(service));
        assertTrue(fault.getMessage().contains(message), fault.getMessage());
        assertTrue(fault.getMessage().contains("0: Stand-in A100 (GPU-"), fault.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"4 GB, 4", "25 %, 10", "2.5%, 1"})
    void testMemoryBudget(final String budget, final long gibibytes) {
        select(DeviceSelection.INDEX, "0");
        runner.setProperty(service, CudaComputeDeviceService.MEMORY_BUDGET, budget);
        runner.enableControllerService(service);
        try (DeviceLease lease = service.acquire()) {
            assertEquals(gibibytes * GIBIBYTE, lease.backend().memory().budget());
        }
        runner.disableControllerService(service);
    }

    @ParameterizedTest
    @CsvSource({"Memory Budget, 0 %", "Memory Budget, 101 %", "Memory Budget, lots", "Concurrent Requests, 0",
        "Step Timeout, soon", "CUDA Libraries Folder, no-such-folder", "Device Selection, BEST"})
    void testNotValid(final String property, final String value) {
        runner.assertValid(service);
        runner.setProperty(service, property, value);
        runner.assertNotValid(service);
    }

    @Test
    void testVerify() {
        final List<ConfigVerificationResult> results = verify(service, Map.of(
                CudaComputeDeviceService.DEVICE_SELECTION, "INDEX", CudaComputeDeviceService.MEMORY_BUDGET, "50 %"));

        assertEquals(List.of("Driver", "Libraries", "Device", "Memory", "Forward"),
                results.stream().map(ConfigVerificationResult::getVerificationStepName).toList());
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertTold(results.get(0), "CUDA 13.1");
        assertTold(results.get(1), "libcublasLt.so.13 from the system", "libcudnn.so.9 from the system");
        assertTold(results.get(2), "Stand-in A100", "compute capability 8.0", "GPU-" + standInUuid());
        assertTold(results.get(3), "40960 MiB of 40960 MiB are free", "the budget is 20480 MiB");
        assertTold(results.get(4), "Stand-in A100", "multiplied", "convolutions by cuDNN 9.19.0");
    }

    @Test
    void testVerifyWithoutCudnn(@TempDir final Path folder) {
        StandIn.writeLibrariesWithoutConvolutions(folder);
        final List<ConfigVerificationResult> results = verify(service, Map.of(
                CudaComputeDeviceService.CUDA_LIBRARIES_FOLDER, folder.toString()));
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        final String told = "convolutions by unfolded windows, because libcudnn.so.9 is not in the folder " + folder;
        assertTold(results.get(1), "libcublasLt.so.13 from " + folder, told, "nvidia-cudnn-cu13 brings it");
        assertTold(results.get(4), told);
    }

    @Test
    void testVerifyTooLargeBudget() {
        standIn.faults().limitMemory(GIBIBYTE);
        final List<ConfigVerificationResult> results = verify(service, Map.of(
                CudaComputeDeviceService.DEVICE_SELECTION, "INDEX", CudaComputeDeviceService.MEMORY_BUDGET, "2 GB"));
        assertEquals(Outcome.FAILED, results.get(3).getOutcome());
        assertTold(results.get(3), "1024 MiB of 40960 MiB are free", "2048 MiB", "lower Memory Budget");
    }

    @Test
    void testVerifyNamesEachMissingLibraryAndItsPackage(@TempDir final Path empty) {
        final List<ConfigVerificationResult> results = verify(service, Map.of(
                CudaComputeDeviceService.CUDA_LIBRARIES_FOLDER, empty.toString()));
        assertEquals(Outcome.FAILED, results.get(1).getOutcome());
        assertTold(results.get(1), "libcudart.so.13 is not in the folder " + empty, "nvidia-cuda-runtime",
                "libcublasLt.so.13 is not in", "libcublas.so.13 is not in", "nvidia-cublas", "libcublas-13-1");
        assertEquals(Outcome.SKIPPED, results.getLast().getOutcome());
    }

    @Test
    void testMachineWithoutCuda() throws InitializationException {
        final CudaComputeDeviceService without = new CudaComputeDeviceService(new NoCuda(), Runnable::run);
        runner.addControllerService("without", without);
        final Throwable invalid = assertThrows(AssertionError.class, () -> runner.assertValid(without));
        assertTrue(invalid.getMessage().contains(NoCuda.REASON), invalid.getMessage());
        assertTold(verify(without, Map.of()).getFirst(), NoCuda.REASON);
        final InitializationException refusal = assertThrows(InitializationException.class,
                () -> without.onEnabled(configuration(without, Map.of())));
        assertTrue(refusal.getMessage().contains(NoCuda.REASON), refusal.getMessage());
        assertThrows(ServiceUnavailableException.class, without::acquire);
    }

    @Test
    void testDeviceWithoutMemoryForItsLibrariesIsNotEnabled() {
        standIn.faults().limitMemory(GIBIBYTE >> 10);
        final Throwable fault = assertThrows(AssertionError.class, () -> runner.enableControllerService(service));
        assertTrue(fault.getMessage().contains("bytes were asked of"), fault.getMessage());
    }

    private void select(final DeviceSelection selection, final String value) {
        runner.setProperty(service, CudaComputeDeviceService.DEVICE_SELECTION, selection.getValue());
        switch (selection) {
            case INDEX -> runner.setProperty(service, CudaComputeDeviceService.DEVICE_INDEX, value);
            case UUID -> runner.setProperty(service, CudaComputeDeviceService.DEVICE_UUID, value);
            case MOST_FREE_MEMORY -> { }
        }
    }

    private static String standInUuid() {
        return PosedDevice.a100().uuid().toString();
    }

    private List<ConfigVerificationResult> verify(final CudaComputeDeviceService verified,
            final Map<PropertyDescriptor, String> properties) {
        return verified.verify(configuration(verified, properties), runner.getLogger(), Map.of());
    }

    private static MockConfigurationContext configuration(final CudaComputeDeviceService configured,
            final Map<PropertyDescriptor, String> properties) {
        return new MockConfigurationContext(configured, properties, null, Map.of());
    }

    private static void assertTold(final ConfigVerificationResult result, final String... parts) {
        for (final String part : parts) {
            assertTrue(result.getExplanation().contains(part), () -> part + " is not in: " + result.getExplanation());
        }
    }

    /** A machine without a GPU. */
    private static final class NoCuda implements CudaPlatform {
        private static final String REASON = "CUDA is not offered: libcuda.so.1 is not on this machine";

        @Override
        public List<CudaGpu> gpus() {
            throw new IllegalStateException(REASON);
        }

        @Override
        public long freeMemory(final int ordinal) {
            throw new IllegalStateException(REASON);
        }

        @Override
        public List<CudaLibrary> libraries(final Path folder) {
            return List.of();
        }

        @Override
        public Backend open(final CudaOptions options) {
            assertEquals(DType.BF16, options.activationType());
            throw new IllegalStateException(REASON);
        }
    }
}
