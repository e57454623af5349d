package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A kernel that breaks the context, and what comes after. On a real device it runs in a process of its own, in case the
 * driver does not recover.
 */
@Tag("device-loss")
class DeviceLossTest {
    private static final int ORDINAL = Integer.getInteger("qwenimage.gpu.ordinal", 0);
    private static final long BUDGET = 1L << 24;

    @BeforeEach
    void setUp() {
        if (!KernelDevice.isReal()) {
            StandIn.install().setUp(1, PosedDevice.a100());
        }
    }

    @Test
    void testStrayWriteAndTheDeviceOpenedAnew() {
        try (CudaDevice device = CudaDevice.open(ORDINAL, BUDGET)) {
            final CudaStream stream = device.openStream();
            final DeviceBuffer buffer = stream.allocate(1000);
            device.module("vector_add").kernel("stray_write_f32").launch(stream, LaunchGeometry.of(1, 32),
                    new KernelArguments().pointer(0));
            final DeviceLostException error = assertThrows(DeviceLostException.class, stream::synchronize);
            assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, error.code());
            assertTrue(error.getMessage().contains("stray_write_f32 (vector_add.sm_"), error.getMessage());
            assertTrue(error.getMessage().contains("an illegal memory access was encountered"), error.getMessage());
            assertThrows(DeviceLostException.class, () -> stream.allocate(1));
            buffer.close();
        }
        for (int round = 0; round < 2; round++) {
            try (CudaDevice device = CudaDevice.open(ORDINAL, BUDGET)) {
                final CudaStream stream = device.openStream();
                try (DeviceBuffer x = stream.allocate(8)) {
                    stream.upload(Bytes.of(1, 2), x);
                    device.module("vector_add").kernel("vector_add_f32").launch(stream, LaunchGeometry.of(1, 32),
                            new KernelArguments().pointer(x).pointer(x).pointer(x).i32(2));
                    assertArrayEquals(new float[] {2, 4}, Bytes.download(stream, x));
                }
            }
        }
    }
}
