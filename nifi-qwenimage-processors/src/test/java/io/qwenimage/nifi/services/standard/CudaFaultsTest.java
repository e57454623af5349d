package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.DeviceFaultException;
import io.qwenimage.backend.Repetition;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.nifi.processors.EncodeText;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import jcuda.driver.CUresult;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.MockProcessContext;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Faults of a GPU, provoked in the stand-in for its driver, and what becomes of a FlowFile, of the service and of the
 * device then. The processor, the services and the backend are those that are shipped; only the model is a small layer.
 */
@Timeout(120)
class CudaFaultsTest {
    private static final String PROMPT = "a kite";

    private final StandIn standIn = StandIn.installWithLibraries();
    private final ComputingLibrary library = new ComputingLibrary();
    private final CudaComputeDeviceService device =
            new CudaComputeDeviceService(CudaPlatform.INSTALLED, Runnable::run);
    private final StandardQwenImageModelService model = new StandardQwenImageModelService(library);
    private final TestRunner runner = TestRunners.newTestRunner(new EncodeText());

    @BeforeEach
    void startLine() throws InitializationException {
        standIn.setUp(7, PosedDevice.a100());
        runner.addControllerService("device", device);
        runner.addControllerService("model", model);
        runner.setProperty(model, StandardQwenImageModelService.COMPUTE_DEVICE_SERVICE, "device");
        runner.setProperty("Model Service", "model");
        runner.enqueue(PROMPT);
    }

    @AfterEach
    void checkBooks() {
        runner.disableControllerService(model);
        runner.disableControllerService(device);
        assertEquals(List.of(), standIn.findings());
        assertEquals(List.of(), standIn.open());
    }

    @Test
    void testOutOfMemory() {
        enable("5 mins");
        runner.run(1, false, true);
        runner.assertTransferCount("success", 1);
        final long before = standIn.books().allocations();
        runner.enqueue(PROMPT);
        // Others have taken the rest, and so the pool's own memory is all that there is.
        library.afterWork(this::askForTooMuch);
        runner.run(1, false, false);
        assertWaits();
        final String told = errors(runner.getLogger().getErrorMessages());
        for (final String part : List.of("1073741824 bytes were asked of Stand-in A100", "free on the device",
                "A smaller picture, fewer requests at a time, a larger budget or the release of models helps")) {
            assertTrue(told.contains(part), () -> part + " is not in: " + told);
        }
        assertTrue(told.contains("pooled 0"), () -> "the pool was not trimmed: " + told);

        library.afterWork(() -> { });
        standIn.faults().limitMemory(Long.MAX_VALUE);
        assertSucceedsNow();
        assertTrue(standIn.books().allocations() > before, "trimmed memory is taken anew");
    }

    private void askForTooMuch() {
        standIn.faults().limitMemory(1L << 28);
        try (DeviceLease lease = device.acquire(); Arena arena = lease.backend().openArena("a large picture")) {
            lease.backend().upload(arena, HostTensor.ofFloats(Shape.of(1), new float[1]));
            arena.allocate(lease.backend().activationType(), Shape.of(1L << 29));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, CUresult.CUDA_ERROR_LAUNCH_FAILED,
        CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION, CUresult.CUDA_ERROR_ECC_UNCORRECTABLE})
    void testErrorThatBreaksTheContext(final int error) {
        enable("5 mins");
        standIn.faults().failLaunchAfter(0, error);
        runner.run(1, false, true);
        assertWaits();
        final String bulletins = errors(runner.getControllerServiceLogger("device").getErrorMessages());
        assertTrue(bulletins.contains("taken out") && bulletins.contains(CUresult.stringFor(error)), bulletins);
        final String recovery = errors(runner.getControllerServiceLogger("device").getWarnMessages());
        assertTrue(recovery.contains("The device is open again"), recovery);
        runner.assertValid(device);

        assertSucceedsNow();
        assertEquals(2, library.opened(), "the model is loaded anew");
    }

    @Test
    void testErrorInARecordedStep() {
        enable("5 mins");
        try (DeviceLease lease = device.acquire(); DevicePermit permit = lease.permit(Cancellation.NEVER);
                Arena arena = lease.backend().openArena("steps");
                Repetition steps = lease.backend().repeat((inner, inputs) ->
                        lease.backend().activate(inner, inputs[0], Activation.GELU_TANH))) {
            Tensor x = lease.backend().upload(arena, HostTensor.ofFloats(Shape.of(2, 2), new float[4]));
            for (int step = 0; step < 3; step++) {
                x = steps.run(arena, x);
            }
            lease.backend().download(x);
            standIn.faults().failLaunchAfter(0, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
            final Tensor last = steps.run(arena, x);
            assertThrows(DeviceFaultException.class, () -> lease.backend().download(last), permit::toString);
            assertThrows(DeviceFaultException.class, () -> steps.run(arena, last));
        }
        assertSucceedsNow();
    }

    @Test
    void testDeviceLostForGood() {
        enable("5 mins");
        runner.run(1, false, true);
        runner.assertTransferCount("success", 1);
        standIn.faults().loseDevices();
        for (int attempt = 0; attempt < 3; attempt++) {
            runner.enqueue(PROMPT);
            runner.run(1, false, false);
            assertTrue(((MockProcessContext) runner.getProcessContext()).isYieldCalled());
        }
        runner.assertTransferCount("success", 1);
        assertEquals(3, runner.getQueueSize().getObjectCount(), "FlowFiles wait");
        runner.assertNotValid(device);
        final String bulletins = errors(runner.getControllerServiceLogger("device").getErrorMessages());
        assertTrue(bulletins.contains("cannot be opened anew"), bulletins);
        standIn.faults().returnDevices();
    }

    @Test
    void testKernelThatNeverEnds() {
        enable("20 millis");
        standIn.faults().hangLaunchAfter(1);
        runner.run(1, false, true);
        assertWaits();
        final String told = errors(runner.getLogger().getErrorMessages());
        assertTrue(told.contains("for 20 ms on Stand-in A100") && told.contains("came to no end"), told);
        final String bulletins = errors(runner.getControllerServiceLogger("device").getErrorMessages());
        assertTrue(bulletins.contains("taken out"), bulletins);

        // On a machine under load the time may have been over before the kernel had its turn.
        standIn.faults().hangLaunchAfter(-1);
        runner.disableControllerService(model);
        runner.disableControllerService(device);
        enable("5 mins");
        assertSucceedsNow();
    }

    @Test
    void testLossUnderTwoWhoCompute() throws InterruptedException {
        runner.setProperty(device, CudaComputeDeviceService.CONCURRENT_REQUESTS, "2");
        enable("5 mins");
        final DeviceLease other = device.acquire();
        final DevicePermit computing = other.permit(Cancellation.NEVER);
        final Arena arena = other.backend().openArena("another request");
        final Tensor x = other.backend().upload(arena, HostTensor.ofFloats(Shape.of(2, 2), new float[4]));
        standIn.faults().failLaunchAfter(0, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
        runner.run(1, false, true);
        assertWaits();
        assertEquals(1, standIn.open().stream().filter(open -> open.contains("context")).count(),
                "the context stays as long as somebody computes");
        assertTrue(other.isLost());
        assertFalse(assertThrows(RuntimeException.class,
                () -> other.backend().activate(arena, x, Activation.GELU_TANH)).getMessage().isEmpty());
        arena.close();
        computing.close();
        other.close();
        assertSucceedsNow();
    }

    @Test
    void testTerminatedInTheMiddleOfAStep() throws InterruptedException {
        enable("5 mins");
        final CountDownLatch launched = new CountDownLatch(1);
        final CountDownLatch disabled = new CountDownLatch(1);
        final Thread processor = Thread.ofPlatform().start(() -> compute(launched, disabled));
        launched.await();
        // What NiFi does to a processor that is terminated: its thread is interrupted and forgotten, services go on.
        processor.interrupt();
        runner.disableControllerService(model);
        runner.disableControllerService(device);
        assertFalse(standIn.open().isEmpty(), "the lease outlives the service");
        disabled.countDown();
        processor.join();
        assertEquals(List.of(), standIn.findings(), "nothing was freed under a running kernel");
        assertEquals(List.of(), standIn.open());
        enable("5 mins");
        assertSucceedsNow();
    }

    /** Launches, is interrupted, and lets go with its kernels still to run. */
    private void compute(final CountDownLatch launched, final CountDownLatch disabled) {
        try (DeviceLease lease = device.acquire(); DevicePermit permit = lease.permit(Cancellation.NEVER);
                Arena arena = lease.backend().openArena("a step")) {
            final Tensor x = lease.backend().upload(arena, HostTensor.ofFloats(Shape.of(64, 64), new float[64 * 64]));
            Tensor y = lease.backend().activate(arena, x, Activation.GELU_TANH);
            launched.countDown();
            while (disabled.getCount() > 0) {
                Thread.onSpinWait();
            }
            y = lease.backend().activate(arena, y, Activation.GELU_TANH);
            assertEquals(Shape.of(64, 64), y.shape(), permit::toString);
        }
    }

    private void enable(final String stepTimeout) {
        runner.setProperty(device, CudaComputeDeviceService.STEP_TIMEOUT, stepTimeout);
        runner.enableControllerService(device);
        runner.enableControllerService(model);
    }

    private void assertWaits() {
        assertEquals(1, runner.getQueueSize().getObjectCount(), "the FlowFile stays in its queue");
        assertTrue(((MockProcessContext) runner.getProcessContext()).isYieldCalled(), "the processor pauses");
        runner.assertTransferCount("failure", 0);
    }

    private void assertSucceedsNow() {
        runner.clearTransferState();
        runner.run(1, false, true);
        runner.assertAllFlowFilesTransferred("success", 1);
    }

    private static String errors(final List<LogMessage> messages) {
        return messages.stream().map(LogMessage::getMsg).collect(Collectors.joining("\n"));
    }
}
