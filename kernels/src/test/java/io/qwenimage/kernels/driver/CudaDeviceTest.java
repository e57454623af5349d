package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.util.List;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandInCheck.class)
class CudaDeviceTest {
    private static final long BUDGET = 1L << 30;

    private final StandIn standIn = StandIn.install();

    @Test
    void testListNamesEveryDevice() {
        standIn.setUp(1, PosedDevice.a100(), PosedDevice.h100().withIdentity(7));
        final List<DeviceProperties> devices = CudaDevice.list();
        assertEquals(List.of("Stand-in A100", "Stand-in H100"), devices.stream().map(DeviceProperties::name).toList());
        final DeviceProperties hopper = devices.get(1);
        assertEquals(new ComputeCapability(9, 0), hopper.capability());
        assertEquals(80L << 30, hopper.memoryBytes());
        assertEquals(132, hopper.multiprocessors());
        assertEquals(227 << 10, hopper.sharedBytesPerBlockOptIn());
        assertEquals(48 << 10, hopper.sharedBytesPerBlock());
        assertEquals(StandIn.DRIVER_VERSION, hopper.driverVersion());
        assertEquals("Stand-in H100 (device 1, compute capability 9.0)", hopper.title());
        assertNotEquals(devices.get(0).uuid(), hopper.uuid());
        assertEquals(7, hopper.uuid().getLeastSignificantBits());
    }

    @Test
    void testOpenUnknownDevice() {
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                () -> CudaDevice.open(1, BUDGET));
        assertEquals("CUDA device 1 does not exist; devices are [Stand-in A100 (device 0, compute capability 8.0)]",
                error.getMessage());
    }

    @Test
    void testOpenWithoutBudget() {
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                () -> CudaDevice.open(0, 0));
        assertEquals("memory budget of 0 bytes; give a positive one", error.getMessage());
    }

    @Test
    void testListWithoutWorkingDriver() {
        standIn.faults().failEnumeration(CUresult.CUDA_ERROR_NO_DEVICE);
        final CudaUnavailableException error = assertThrows(CudaUnavailableException.class, CudaDevice::list);
        assertEquals("CUDA is not offered: counting devices failed with CUDA_ERROR_NO_DEVICE; "
                + "check the devices with nvidia-smi", error.getMessage());
    }

    @Test
    void testCloseFreesEverythingThatWasOpened() {
        final CudaDevice device = CudaDevice.open(0, BUDGET);
        final CudaStream stream = device.openStream();
        device.openEvent();
        device.allocatePinned(100);
        stream.allocate(5000);
        device.module("vector_add");
        device.close();
        device.close();
        final IllegalStateException error = assertThrows(IllegalStateException.class, device::openStream);
        assertEquals("Stand-in A100 (device 0, compute capability 8.0) is closed", error.getMessage());
        assertThrows(IllegalStateException.class, stream::synchronize);
    }

    @Test
    void testOpenTwiceSharesTheContext() {
        try (CudaDevice one = CudaDevice.open(0, BUDGET); CudaDevice other = CudaDevice.open(0, BUDGET)) {
            try (DeviceBuffer buffer = one.openStream().allocate(400)) {
                one.synchronize();
                final CudaStream stream = other.openStream();
                stream.fill(buffer, (byte) 1);
                stream.synchronize();
            }
        }
    }

    @Test
    void testLossRefusesFurtherUseUntilOpenedAnew() {
        standIn.faults().failLaunchAfter(0, CUresult.CUDA_ERROR_ECC_UNCORRECTABLE);
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final DeviceBuffer buffer = stream.allocate(40);
            device.module("vector_add").kernel("stray_write_f32").launch(stream, LaunchGeometry.of(1, 1),
                    new KernelArguments().pointer(buffer));
            final DeviceLostException error = assertThrows(DeviceLostException.class, stream::synchronize);
            assertEquals("waiting for the stream (launched on the stream before, latest first: stray_write_f32 "
                    + "(vector_add.sm_80.cubin; grid 1 x 1 x 1, block 1 x 1 x 1, 0 bytes of dynamic shared memory; "
                    + "arguments 40 bytes of device memory)) failed on Stand-in A100 (device 0, compute capability "
                    + "8.0): "
                    + "CUDA_ERROR_ECC_UNCORRECTABLE (uncorrectable ECC error encountered). Nothing can run there any "
                    + "more: close the device and open it anew", error.getMessage());
            assertTrue(device.isLost());
            final DeviceLostException later = assertThrows(DeviceLostException.class, () -> stream.allocate(4));
            assertTrue(later.getMessage().startsWith("Stand-in A100 (device 0, compute capability 8.0) was lost "
                    + "before: "),
                    later.getMessage());
            assertEquals("CUDA_ERROR_ECC_UNCORRECTABLE", later.errorName());
            assertThrows(DeviceLostException.class, () -> device.module("vector_add"));
            buffer.close();
            stream.close();
        }
        try (CudaDevice device = CudaDevice.open(0, BUDGET); DeviceBuffer buffer = device.openStream().allocate(4)) {
            assertFalse(device.isLost());
            assertEquals(4, buffer.bytes());
        }
    }

    @Test
    void testDeviceGoneForGood() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            standIn.faults().loseDevices();
            final DeviceLostException error = assertThrows(DeviceLostException.class, device::synchronize);
            assertEquals("CUDA_ERROR_UNKNOWN", error.errorName());
        }
        final CudaException error = assertThrows(CudaException.class, () -> CudaDevice.open(0, BUDGET));
        assertEquals("opening the context failed on Stand-in A100 (device 0, compute capability 8.0): "
                + "CUDA_ERROR_DEVICE_UNAVAILABLE (CUDA-capable device(s) is/are busy or unavailable)",
                error.getMessage());
        standIn.faults().returnDevices();
        CudaDevice.open(0, BUDGET).close();
    }

    @Test
    void testOpenAndCloseAHundredTimesLeavesNothing() {
        for (int round = 0; round < 100; round++) {
            try (CudaDevice device = CudaDevice.open(0, BUDGET); DeviceBuffer buffer =
                    device.openStream().allocate(1000)) {
                assertEquals(1000, buffer.bytes());
            }
            assertEquals(List.of(), standIn.open());
        }
    }

    @Test
    void testFreeMemoryIsTheDevices() {
        standIn.setUp(1, PosedDevice.a100().withMemory(1 << 20));
        try (CudaDevice device = CudaDevice.open(0, BUDGET); DeviceBuffer buffer =
                device.openStream().allocate(1 << 10)) {
            assertEquals((1 << 20) - buffer.bytes(), device.freeMemory());
        }
    }
}
