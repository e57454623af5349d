package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.KernelTest;
import io.qwenimage.kernels.Poses;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The launch layer on whatever device there is: the same on the stand-in as on a GPU. */
@KernelTest
class LaunchTest {
    private static final int ORDINAL = KernelDevice.isReal() ? Integer.getInteger("qwenimage.gpu.ordinal", 0) : 0;

    @Test
    void testVectorAdd(final KernelDevice device) {
        final int count = 1000;
        final TensorView x = device.random(new Random(1), 1, ElementType.F32, count);
        final TensorView y = device.random(new Random(2), 1, ElementType.F32, count);
        final TensorView out = device.empty(ElementType.F32, count);
        device.cuda().module("vector_add").kernel("vector_add_f32").launch(device.stream(), LaunchGeometry.of(8, 128),
                new KernelArguments().pointer(x).pointer(y).pointer(out).i32(count));
        final float[] left = device.download(x);
        final float[] right = device.download(y);
        final float[] expected = new float[count];
        for (int index = 0; index < count; index++) {
            expected[index] = left[index] + right[index];
        }
        assertArrayEquals(expected, device.download(out));
    }

    @Test
    @Poses(major = 9)
    void testImageOfHopper(final KernelDevice device) {
        final TensorView x = device.upload(new float[] {1, 2, 3, 4}, ElementType.F32, 4);
        final TensorView out = device.empty(ElementType.F32, 2);
        final KernelModule module = device.cuda().module("vector_add");
        module.kernel("block_sum_f32").launch(device.stream(), LaunchGeometry.of(2, 1, 1, 2, 8),
                new KernelArguments().pointer(x).pointer(out));
        assertArrayEquals(new float[] {3, 7}, device.download(out));
        assertEquals("vector_add.sm_90a.cubin", module.image());
    }

    @Test
    @Poses(major = 9)
    void testClusterLaunch(final KernelDevice device) {
        final TensorView x = device.upload(new float[] {1, 2, 3, 4}, ElementType.F32, 4);
        device.cuda().module("vector_add").kernel("vector_add_f32").launch(device.stream(),
                LaunchGeometry.of(4, 1).withCluster(2), new KernelArguments().pointer(x).pointer(x).pointer(x).i32(4));
        assertArrayEquals(new float[] {2, 4, 6, 8}, device.download(x));
    }

    @Test
    @Poses(major = 9)
    void testTensorMapIsEncoded(final KernelDevice device) {
        final TensorView tensor = device.zeros(ElementType.BF16, 40, 64);
        final TensorMap map = TensorMap.tiled(tensor, new int[] {8, 64}, TensorMap.Swizzle.BYTES_128,
                TensorMap.L2Promotion.BYTES_256);
        assertEquals(TensorMap.BYTES, map.bytes().length);
        assertEquals("tensor map of BF16[40, 64], box [8, 64], swizzle BYTES_128", map.toString());
        final CudaException error = assertThrows(CudaException.class, () -> TensorMap.tiled(tensor, new int[] {8, 128},
                TensorMap.Swizzle.BYTES_128, TensorMap.L2Promotion.NONE));
        assertTrue(error.getMessage().startsWith("encoding a tensor map of BF16[40, 64], box [8, 128], swizzle "
                + "BYTES_128, strides [64, 1], address 0x"), error.getMessage());
        assertEquals("CUDA_ERROR_INVALID_VALUE", error.errorName());
        if (!KernelDevice.isReal()) {
            assertEquals(1, device.takeFindings().size());
        }
    }

    @Test
    void testPtxIsCompiledByTheDriver(final KernelDevice device) {
        final String ptx = """
                .version 7.0
                .target sm_80
                .address_size 64
                .visible .entry store_seven(.param .u64 out) {
                    .reg .b64 %rd<2>;
                    .reg .b32 %r<2>;
                    ld.param.u64 %rd1, [out];
                    mov.u32 %r1, 7;
                    st.global.u32 [%rd1], %r1;
                    ret;
                }
                """;
        try (CudaDevice other = CudaDevice.openForDebugging(ORDINAL, 1 << 20,
                Map.of("own.ptx", ptx.getBytes(StandardCharsets.UTF_8)))) {
            final CudaStream stream = other.openStream();
            try (DeviceBuffer buffer = stream.allocate(4)) {
                other.module("own").kernel("store_seven").launch(stream, LaunchGeometry.of(1, 1),
                        new KernelArguments().pointer(buffer));
                final ByteBuffer bytes = ByteBuffer.allocateDirect(4);
                stream.download(buffer, bytes);
                assertEquals(7, bytes.get(0));
            }
        }
        assertEquals(0, device.cuda().memory().books().buffers());
    }

    @Test
    void testPoolAndGraph(final KernelDevice device) {
        try (CudaDevice pooling = CudaDevice.open(ORDINAL, 1 << 24); PinnedBuffer host = pooling.allocatePinned(4096)) {
            final CudaStream stream = pooling.openStream();
            final KernelFunction add = pooling.module("vector_add").kernel("vector_add_f32");
            try (DeviceBuffer x = stream.allocate(4096); DeviceBuffer out = stream.allocate(4096)) {
                final CudaGraph graph = stream.capture(() -> {
                    try (DeviceBuffer between = stream.allocate(4096)) {
                        stream.upload(host, 0, x, 0, 4096);
                        add.launch(stream, LaunchGeometry.of(8, 128),
                                new KernelArguments().pointer(x).pointer(x).pointer(between).i32(1024));
                        add.launch(stream, LaunchGeometry.of(8, 128),
                                new KernelArguments().pointer(between).pointer(x).pointer(out).i32(1024));
                    }
                });
                assertEquals(3, graph.nodes());
                for (int round = 1; round < 4; round++) {
                    for (int index = 0; index < 1024; index++) {
                        host.bytes().putFloat(4 * index, round * index);
                    }
                    graph.launch(stream);
                    final float[] sums = Bytes.download(stream, out);
                    for (int index = 0; index < 1024; index++) {
                        assertEquals(3 * round * index, sums[index]);
                    }
                }
                graph.close();
            }
            assertEquals(0, pooling.memory().books().inUse());
        }
        assertEquals(0, device.cuda().memory().books().buffers());
    }

    @Test
    void testStreamsWaitForEvents(final KernelDevice device) {
        try (CudaDevice pooling = CudaDevice.open(ORDINAL, 1 << 28); CudaEvent start = pooling.openEvent();
             CudaEvent end = pooling.openEvent()) {
            final CudaStream first = pooling.openStream();
            final CudaStream second = pooling.openStream();
            final int bytes = KernelDevice.isReal() ? 1 << 26 : 1 << 12;
            try (DeviceBuffer from = first.allocate(bytes); DeviceBuffer to = first.allocate(bytes)) {
                start.record(first);
                for (int round = 1; round < 20; round++) {
                    first.fill(from, (byte) round);
                }
                end.record(first);
                second.await(end);
                second.copy(from, 0, to, 0, bytes);
                final ByteBuffer last = ByteBuffer.allocateDirect(bytes);
                from.usedOn(second);
                to.usedOn(second);
                second.download(to, last);
                assertEquals(19, last.get(bytes - 1));
                assertTrue(end.millisecondsSince(start) > 0);
            }
        }
        assertEquals(0, device.cuda().memory().books().buffers());
    }

    @Test
    void testMoreMemoryThanTheDeviceHas(final KernelDevice device) {
        final long all = device.cuda().properties().memoryBytes();
        try (CudaDevice greedy = CudaDevice.open(ORDINAL, 4 * all)) {
            final CudaStream stream = greedy.openStream();
            stream.allocate(1 << 20).close();
            final DeviceMemoryException error = assertThrows(DeviceMemoryException.class,
                    () -> stream.allocate(2 * all));
            assertTrue(error.getMessage().contains("but the device has no more: free on the device "),
                    error.getMessage());
            stream.allocate(1 << 20).close();
        }
    }
}
