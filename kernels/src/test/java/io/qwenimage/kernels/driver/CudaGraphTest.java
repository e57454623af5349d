package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandInCheck.class)
class CudaGraphTest {
    private static final long BUDGET = 1L << 20;

    private final StandIn standIn = StandIn.install();

    @Test
    void testReplaySeesTheValuesOfItsTime() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8); DeviceBuffer out = stream.allocate(8)) {
                final KernelFunction add = device.module("vector_add").kernel("vector_add_f32");
                final CudaGraph graph = stream.capture(() -> {
                    assertTrue(stream.isCapturing());
                    add.launch(stream, LaunchGeometry.of(1, 32),
                            new KernelArguments().pointer(x).pointer(x).pointer(out).i32(2));
                    add.launch(stream, LaunchGeometry.of(1, 32),
                            new KernelArguments().pointer(out).pointer(x).pointer(out).i32(2));
                });
                assertFalse(stream.isCapturing());
                assertEquals(2, graph.nodes());
                assertEquals(0, standIn.books().kernels());
                for (int round = 1; round < 4; round++) {
                    stream.upload(Bytes.of(round, 10), x);
                    graph.launch(stream);
                    assertArrayEquals(new float[] {3 * round, 30}, Bytes.download(stream, out));
                }
                assertEquals(6, standIn.books().kernels());
                assertEquals(3, standIn.books().launches());
                graph.close();
                graph.close();
                final IllegalStateException error = assertThrows(IllegalStateException.class,
                        () -> graph.launch(stream));
                assertEquals("graph of 2 nodes is closed", error.getMessage());
            }
        }
    }

    @Test
    void testWorkOfAnotherStreamThatWaitsForTheFirst() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent begin = device.openOrderingEvent();
                CudaEvent copied = device.openOrderingEvent(); PinnedBuffer host = device.allocatePinned(8)) {
            final CudaStream stream = device.openStream();
            final CudaStream copies = device.openStream();
            try (DeviceBuffer x = stream.allocate(8); DeviceBuffer out = stream.allocate(8)) {
                final CudaGraph graph = stream.capture(() -> {
                    begin.record(stream);
                    copies.await(begin);
                    assertTrue(copies.isCapturing());
                    copies.upload(host, 0, x, 0, 8);
                    copied.record(copies);
                    stream.await(copied);
                    stream.copy(x, 0, out, 0, 8);
                });
                assertFalse(copies.isCapturing());
                assertEquals(2, graph.nodes());
                for (int round = 1; round < 4; round++) {
                    host.bytes().putFloat(0, round).putFloat(4, 10);
                    graph.launch(stream);
                    assertArrayEquals(new float[] {round, 10}, Bytes.download(stream, out));
                }
                assertEquals(24, standIn.books().bytesToDevice());
                graph.close();
            }
        }
    }

    @Test
    void testTheOrderWithinAGraphIsWatchedToo() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent begin = device.openOrderingEvent();
                CudaEvent copied = device.openOrderingEvent(); PinnedBuffer host = device.allocatePinned(8)) {
            final CudaStream stream = device.openStream();
            final CudaStream copies = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                final CudaGraph graph = stream.capture(() -> {
                    begin.record(stream);
                    copies.await(begin);
                    copies.upload(host, 0, x, 0, 8);
                    copied.record(copies);
                    stream.fill(x, (byte) 1);
                    stream.await(copied);
                });
                graph.launch(stream);
                assertEquals(1, standIn.findings().size());
                assertTrue(standIn.findings().getFirst().startsWith("filling 8 bytes of the device is not "
                        + "ordered after copying 8 bytes to the device"), standIn.findings().getFirst());
                standIn.clearFindings();
                graph.close();
            }
        }
    }

    @Test
    void testWorkOfAnotherStreamThatTheFirstDoesNotWaitFor() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent begin = device.openOrderingEvent()) {
            final CudaStream stream = device.openStream();
            final CudaStream other = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(4)) {
                final CudaException error = assertThrows(CudaException.class, () -> stream.capture(() -> {
                    begin.record(stream);
                    other.await(begin);
                    other.fill(buffer, (byte) 1);
                }));
                assertEquals("CUDA_ERROR_STREAM_CAPTURE_UNJOINED", error.errorName());
                assertEquals(1, standIn.findings().size());
                standIn.clearFindings();
                assertFalse(other.isCapturing());
                other.fill(buffer, (byte) 2);
                other.synchronize();
            }
        }
    }

    @Test
    void testEventsOutsideOfTheGraphAndWithin() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent before = device.openOrderingEvent();
                CudaEvent within = device.openOrderingEvent()) {
            final CudaStream stream = device.openStream();
            final CudaStream other = device.openStream();
            before.record(other);
            final CudaException isolated = assertThrows(CudaException.class,
                    () -> stream.capture(() -> stream.await(before)));
            assertEquals("CUDA_ERROR_STREAM_CAPTURE_ISOLATION", isolated.errorName());
            stream.capture(() -> within.record(stream)).close();
            final CudaException captured = assertThrows(CudaException.class, () -> other.await(within));
            assertEquals("CUDA_ERROR_CAPTURED_EVENT", captured.errorName());
            assertThrows(CudaException.class, within::isDone);
            standIn.clearFindings();
        }
    }

    @Test
    void testMemoryOfTheGraphIsNotGivenToOthersWhileItLives() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer out = stream.allocate(4)) {
                final CudaGraph graph = stream.capture(() -> {
                    try (DeviceBuffer first = stream.allocate(2048)) {
                        stream.fill(first, (byte) 1);
                        stream.copy(first, 0, out, 0, 4);
                    }
                    // Within the graph the block serves again.
                    try (DeviceBuffer second = stream.allocate(2048)) {
                        stream.fill(second, (byte) 2);
                    }
                });
                assertEquals(new MemoryBooks(BUDGET, 512 + 2048, 0, 512 + 2048, 1), device.memory().books());
                try (DeviceBuffer other = stream.allocate(2048)) {
                    stream.fill(other, (byte) 7);
                    graph.launch(stream);
                    assertEquals(Float.intBitsToFloat(0x07070707), Bytes.download(stream, other)[0]);
                }
                graph.close();
                assertEquals(new MemoryBooks(BUDGET, 512, 2 * 2048, 512 + 2 * 2048, 1), device.memory().books());
            }
        }
    }

    @Test
    void testWaitingWhileCapturing() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final CudaException error = assertThrows(CudaException.class, () -> stream.capture(stream::synchronize));
            assertEquals("waiting for the stream failed on Stand-in A100 (device 0, compute capability 8.0): "
                    + "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (operation not permitted when stream is capturing)",
                    error.getMessage());
            assertEquals(2, standIn.findings().size());
            standIn.clearFindings();
            // The stream works again.
            try (DeviceBuffer buffer = stream.allocate(4)) {
                stream.fill(buffer, (byte) 0);
                assertArrayEquals(new float[1], Bytes.download(stream, buffer));
            }
        }
    }

    @Test
    void testWorkThatFailsWhileCapturingLeavesNothing() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            assertThrows(IllegalArgumentException.class, () -> stream.capture(() -> {
                stream.allocate(700).close();
                throw new IllegalArgumentException("fault of the work");
            }));
            assertEquals(new MemoryBooks(BUDGET, 0, 1024, 1024, 0), device.memory().books());
        }
    }

    @Test
    void testUploadFromPageableMemoryIsNotCaptured() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(4)) {
                assertThrows(CudaException.class, () -> stream.capture(() -> stream.upload(Bytes.of(1), buffer)));
                assertEquals("cuMemcpyHtoDAsync_v2: copying host memory that is not page-locked on a stream that "
                        + "captures",
                        standIn.findings().get(0));
                standIn.clearFindings();
            }
        }
    }

    @Test
    void testCloseOfTheDeviceClosesGraphs() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(4)) {
                stream.capture(() -> stream.fill(buffer, (byte) 1)).launch(stream);
            }
        }
        assertEquals(List.of(), standIn.open());
    }
}
