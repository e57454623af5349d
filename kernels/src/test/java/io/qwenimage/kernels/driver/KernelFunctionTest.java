package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(StandInCheck.class)
class KernelFunctionTest {
    private static final long BUDGET = 1L << 24;

    private final StandIn standIn = StandIn.install();

    @Test
    void testFiguresAreTheCompilers() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final KernelFunction kernel = device.module("vector_add").kernel("vector_add_f32");
            assertTrue(kernel.registers() > 4 && kernel.registers() < 33, () -> "registers " + kernel.registers());
            assertEquals(0, kernel.localBytes());
            assertEquals(0, kernel.staticSharedBytes());
            assertEquals(1024, kernel.maximumThreads());
            assertEquals(2, kernel.residentBlocks(LaunchGeometry.of(1, 1024)));
            assertEquals(32, kernel.residentBlocks(LaunchGeometry.of(1, 32)));
            // 164 KiB of a multiprocessor, of which each block takes 60 KiB and one of the system.
            assertEquals(2, kernel.residentBlocks(LaunchGeometry.of(1, 1, 1, 32, 60 << 10)));
        }
    }

    @Test
    void testMuchSharedMemoryIsAskedFor() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8); DeviceBuffer out = stream.allocate(4)) {
                stream.upload(Bytes.of(1, 2), x);
                final KernelFunction kernel = device.module("vector_add").kernel("block_sum_f32");
                for (final int shared : new int[] {100 << 10, 163 << 10, 50 << 10}) {
                    kernel.launch(stream, LaunchGeometry.of(1, 1, 1, 2, shared),
                            new KernelArguments().pointer(x).pointer(out));
                    assertArrayEquals(new float[] {3}, Bytes.download(stream, out));
                }
                final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                        () -> kernel.launch(stream, LaunchGeometry.of(1, 1, 1, 2, (163 << 10) + 1),
                                new KernelArguments().pointer(x).pointer(out)));
                assertEquals("block_sum_f32 (vector_add.sm_80.cubin; grid 1 x 1 x 1, block 2 x 1 x 1, 166913 bytes of "
                        + "dynamic "
                        + "shared memory; arguments 8 bytes of device memory, 4 bytes of device memory): a block has "
                        + "at most "
                        + "166912 bytes of dynamic shared memory on Stand-in A100 (device 0, compute capability 8.0)",
                        error.getMessage());
            }
        }
    }

    @Test
    void testArgumentsThatDoNotFit() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                final KernelFunction kernel = device.module("vector_add").kernel("vector_add_f32");
                final CudaException error = assertThrows(CudaException.class, () -> kernel.launch(stream,
                        LaunchGeometry.of(1, 32), new KernelArguments().pointer(TensorView.of(x, ElementType.F32, 1,
                        2))));
                assertEquals("launching vector_add_f32 (vector_add.sm_80.cubin; grid 1 x 1 x 1, block 32 x 1 x 1, 0 "
                        + "bytes of "
                        + "dynamic shared memory; arguments F32[1, 2]) failed on Stand-in A100 (device 0, compute "
                        + "capability 8.0): CUDA_ERROR_INVALID_VALUE (invalid argument)", error.getMessage());
                assertEquals(List.of("cuLaunchKernel: 8 bytes of arguments for vector_add_f32, which takes 28"),
                        standIn.findings());
                standIn.clearFindings();
            }
        }
    }

    @Test
    void testStrayAccessLosesTheDeviceAndNamesTheKernel() {
        try (CudaDevice device = CudaDevice.openForDebugging(0, BUDGET, Map.of())) {
            final CudaStream stream = device.openStream();
            final KernelFunction kernel = device.module("vector_add").kernel("stray_write_f32");
            final DeviceLostException error = assertThrows(DeviceLostException.class,
                    () -> kernel.launch(stream, LaunchGeometry.of(1, 2), new KernelArguments().pointer(256)));
            assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, error.code());
            assertTrue(error.getMessage().startsWith("running stray_write_f32 (vector_add.sm_80.cubin; grid 1 x 1 x "
                    + "1, block 2 x 1 x 1, 0 bytes of dynamic shared memory; arguments 0x100)"), error.getMessage());
            assertTrue(standIn.findings().get(0).contains("access out of bounds"), () -> standIn.findings().toString());
            standIn.clearFindings();
        }
    }

    @Test
    void testPointerOfAnotherDevice() {
        standIn.setUp(1, PosedDevice.a100(), PosedDevice.a100().withIdentity(2));
        try (CudaDevice one = CudaDevice.open(0, BUDGET); CudaDevice other = CudaDevice.open(1, BUDGET)) {
            final CudaStream stream = one.openStream();
            try (DeviceBuffer foreign = other.openStream().allocate(8)) {
                final CudaException error = assertThrows(CudaException.class, () -> stream.fill(foreign, (byte) 0));
                assertEquals("CUDA_ERROR_INVALID_VALUE", error.errorName());
                assertTrue(standIn.findings().get(0).endsWith("belongs to device 1, whose context is not current"),
                        () -> standIn.findings().toString());
                final KernelFunction kernel = one.module("vector_add").kernel("stray_write_f32");
                kernel.launch(stream, LaunchGeometry.of(1, 2), new KernelArguments().pointer(foreign));
                assertThrows(DeviceLostException.class, stream::synchronize);
                assertTrue(one.isLost());
                standIn.clearFindings();
            }
        }
    }

    @Test
    void testKernelsOfAClosedDevice() {
        final KernelFunction kernel;
        final CudaStream stream;
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            kernel = device.module("vector_add").kernel("vector_add_f32");
            stream = device.openStream();
        }
        assertThrows(IllegalStateException.class,
                () -> kernel.launch(stream, LaunchGeometry.of(1, 1), new KernelArguments()));
    }

    @Test
    void testClusterLaunch() {
        standIn.setUp(1, PosedDevice.h100());
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(16)) {
                stream.upload(Bytes.of(1, 2, 3, 4), x);
                device.module("vector_add").kernel("vector_add_f32").launch(stream,
                        LaunchGeometry.of(4, 1).withCluster(2),
                        new KernelArguments().pointer(x).pointer(x).pointer(x).i32(4));
                assertArrayEquals(new float[] {2, 4, 6, 8}, Bytes.download(stream, x));
            }
        }
    }

    /** The image of Hopper has 48 bytes more before such a parameter than its alignment alone would ask for. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void testTensorMapBehindAGap(final int cluster) {
        standIn.setUp(1, PosedDevice.h100());
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer out = stream.allocate(TensorMap.BYTES)) {
                final TensorMap map = TensorMap.tiled(TensorView.of(out, ElementType.F32, 1, 32), new int[] {1, 32},
                        TensorMap.Swizzle.NONE, TensorMap.L2Promotion.NONE);
                device.module("vector_add").kernel("parameter_bytes_u8").launch(stream,
                        LaunchGeometry.of(cluster, 32).withCluster(cluster),
                        new KernelArguments().i32(TensorMap.BYTES).tensorMap(map).pointer(out));
                final ByteBuffer copied = ByteBuffer.allocateDirect(TensorMap.BYTES);
                stream.download(out, copied);
                stream.synchronize();
                assertEquals(ByteBuffer.wrap(map.bytes()), copied);
            }
        }
    }

    @Test
    void testClustersBeforeHopper() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(16)) {
                final KernelFunction kernel = device.module("vector_add").kernel("vector_add_f32");
                final CudaException error = assertThrows(CudaException.class, () -> kernel.launch(stream,
                        LaunchGeometry.of(4, 1).withCluster(2),
                        new KernelArguments().pointer(x).pointer(x).pointer(x).i32(4)));
                assertTrue(error.getMessage().contains("clusters of 2"), error.getMessage());
                standIn.clearFindings();
            }
        }
    }
}
