package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandInCheck.class)
class CudaStreamTest {
    private static final long BUDGET = 1L << 20;

    private final StandIn standIn = StandIn.install();

    @Test
    void testUploadTakesTheSourceAtOnce() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                final ByteBuffer source = Bytes.of(1, 2);
                stream.upload(source, buffer);
                source.putFloat(0, 9);
                assertArrayEquals(new float[] {1, 2}, Bytes.download(stream, buffer));
            }
        }
    }

    @Test
    void testUploadFromArraysSlicesAndReadOnlyMemory() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(4)) {
                final ByteBuffer array = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
                array.asFloatBuffer().put(new float[] {1, 2, 3});
                stream.upload(array.duplicate().position(4).limit(8), buffer);
                assertArrayEquals(new float[] {2}, Bytes.download(stream, buffer));
                final ByteBuffer direct = Bytes.of(4, 5, 6).asReadOnlyBuffer();
                stream.upload(direct.position(8), buffer);
                assertArrayEquals(new float[] {6}, Bytes.download(stream, buffer));
                assertEquals(8, direct.position());
            }
        }
    }

    @Test
    void testDownloadToAnArray() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                stream.upload(Bytes.of(1, 2), buffer);
                final ByteBuffer target = ByteBuffer.allocate(12).position(4);
                stream.download(buffer, target);
                assertArrayEquals(new float[] {0, 1, 2}, Bytes.floats(target.rewind()));
            }
        }
    }

    @Test
    void testCopiesFromPinnedMemoryRunLate() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); PinnedBuffer host = device.allocatePinned(8)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                host.bytes().putFloat(0, 1).putFloat(4, 2);
                stream.upload(host, 4, buffer, 0, 4);
                // Changed too early: the copy has not run, and the stand-in lets it show.
                host.bytes().putFloat(4, 3);
                stream.copy(buffer, 0, buffer, 4, 4);
                assertArrayEquals(new float[] {3, 3}, Bytes.download(stream, buffer));
            }
        }
    }

    @Test
    void testPinnedMemoryFreedTooEarlyIsFound() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                final PinnedBuffer host = device.allocatePinned(16);
                stream.upload(host, 8, buffer, 0, 8);
                host.close();
                assertEquals(List.of("page-locked memory is freed before a copy that uses it has run"),
                        standIn.findings());
                standIn.clearFindings();
                assertThrows(IllegalStateException.class, host::bytes);
            }
        }
    }

    @Test
    void testDownloadOfWhatWasNeverWrittenIsFound() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(16)) {
                stream.upload(Bytes.of(1, 2), buffer);
                Bytes.download(stream, buffer);
                assertEquals(List.of(
                        "a copy of 16 bytes to the host reads memory never written, the first at offset 8"),
                        standIn.findings());
                standIn.clearFindings();
            }
        }
    }

    @Test
    void testStreamsAreOrderedByEventsOnly() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent event = device.openEvent();
             PinnedBuffer host = device.allocatePinned(4)) {
            final CudaStream writer = device.openStream();
            final CudaStream reader = device.openStream();
            try (DeviceBuffer buffer = writer.allocate(4)) {
                writer.fill(buffer, (byte) 1);
                reader.download(buffer, 0, host, 0, 4);
                reader.synchronize();
                assertEquals(2, standIn.findings().size());
                assertTrue(standIn.findings().getFirst().startsWith("copying 4 bytes to the host is "
                        + "not ordered after filling 4 bytes of the device"), standIn.findings().getFirst());
                standIn.clearFindings();
                writer.fill(buffer, (byte) 2);
                event.record(writer);
                reader.await(event);
                reader.download(buffer, 0, host, 0, 4);
                reader.synchronize();
                assertEquals(0x02020202, host.bytes().getInt(0));
            }
        }
    }

    @Test
    void testEventsMeasureTimeAndTellWhatIsDone() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); CudaEvent start = device.openEvent();
             CudaEvent end = device.openEvent()) {
            final CudaStream stream = device.openStream();
            assertTrue(start.isDone());
            try (DeviceBuffer buffer = stream.allocate(1000)) {
                start.record(stream);
                stream.fill(buffer, (byte) 0);
                end.record(stream);
                assertFalse(end.isDone());
                final CudaException error = assertThrows(CudaException.class, () -> end.millisecondsSince(start));
                assertEquals("CUDA_ERROR_NOT_READY", error.errorName());
                end.synchronize();
                assertTrue(end.isDone());
                assertTrue(end.millisecondsSince(start) >= 0);
            }
        }
    }

    @Test
    void testCopiesOutsideOfBuffersAreRefused() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); PinnedBuffer host = device.allocatePinned(8)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                        () -> stream.upload(Bytes.of(1, 2, 3), buffer));
                assertEquals("upload of 12 bytes at offset 0 of 8 bytes of device memory", error.getMessage());
                assertThrows(IllegalArgumentException.class, () -> stream.upload(host, 4, buffer, 0, 8));
                assertThrows(IllegalArgumentException.class, () -> stream.download(buffer, 4, host, 0, 8));
                assertThrows(IllegalArgumentException.class, () -> stream.copy(buffer, 0, buffer, 4, 8));
                assertThrows(IllegalArgumentException.class, () -> stream.copy(buffer, -1, buffer, 4, 1));
                assertThrows(IllegalArgumentException.class, () -> device.allocatePinned(0));
            }
        }
    }

    @Test
    void testStreamIsDoneOnceItsWorkHasRun() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            assertTrue(stream.isDone());
            try (DeviceBuffer buffer = stream.allocate(4)) {
                stream.fill(buffer, (byte) 1);
                assertFalse(stream.isDone());
                stream.synchronize(Duration.ofSeconds(100));
                assertTrue(stream.isDone());
            }
        }
    }

    @Test
    void testKernelThatNeverEnds() {
        standIn.faults().hangLaunchAfter(0);
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final DeviceBuffer buffer = stream.allocate(4);
            device.module("vector_add").kernel("stray_write_f32").launch(stream, LaunchGeometry.of(1, 1),
                    new KernelArguments().pointer(buffer));
            final DeviceLostException error = assertThrows(DeviceLostException.class,
                    () -> stream.synchronize(Duration.ofMillis(1)));
            assertTrue(error.getMessage().startsWith("waiting for the stream for 1 ms on Stand-in A100 (device 0, "
                    + "compute "
                    + "capability 8.0) came to no end (launched on the stream before, latest first: stray_write_f32 ("),
                    error.getMessage());
            assertTrue(device.isLost());
        }
    }

    @Test
    void testUsedByItsLibraries() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            assertNotEquals(0, stream.nativeHandle());
            stream.close();
            stream.close();
            assertThrows(IllegalStateException.class, stream::nativeHandle);
        }
    }
}
