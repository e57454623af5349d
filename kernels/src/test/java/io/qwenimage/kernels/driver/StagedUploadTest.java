package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(StandInCheck.class)
class StagedUploadTest {
    private static final long BUDGET = 1L << 20;

    private final StandIn standIn = StandIn.install();

    @Test
    void testMappedFileInPieces(@TempDir final Path folder) throws IOException {
        final byte[] content = new byte[10_001];
        new Random(1).nextBytes(content);
        final Path file = Files.write(folder.resolve("weights"), content);
        try (CudaDevice device = CudaDevice.open(0, BUDGET); FileChannel channel = FileChannel.open(file)) {
            final CudaStream stream = device.openStream();
            try (StagedUpload upload = new StagedUpload(stream, 512, 3); DeviceBuffer buffer =
                    stream.allocate(10_100)) {
                stream.fill(buffer, (byte) 0);
                final ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, content.length);
                upload.upload(mapped.position(1), buffer, 100);
                assertEquals(1, mapped.position());
                assertEquals(content.length, mapped.limit());
                final byte[] expected = new byte[10_100];
                System.arraycopy(content, 1, expected, 100, content.length - 1);
                final ByteBuffer back = ByteBuffer.allocate(10_100);
                stream.download(buffer, back);
                assertArrayEquals(expected, back.array());
            }
            assertEquals(10_000, standIn.books().bytesToDevice());
        }
    }

    @Test
    void testClosingWaitsForTheLastPieces() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer buffer = stream.allocate(8)) {
                try (StagedUpload upload = new StagedUpload(stream, 4, 2)) {
                    upload.upload(Bytes.of(1, 2), buffer, 0);
                }
                assertArrayEquals(new float[] {1, 2}, Bytes.download(stream, buffer));
            }
        }
    }

    @Test
    void testMoreThanTheBufferHolds() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (StagedUpload upload = new StagedUpload(stream, 64, 1); DeviceBuffer buffer = stream.allocate(8)) {
                final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                        () -> upload.upload(Bytes.of(1, 2), buffer, 4));
                assertEquals("upload of 8 bytes at offset 4 of 8 bytes of device memory", error.getMessage());
            }
            assertThrows(IllegalArgumentException.class, () -> new StagedUpload(stream, 0, 2));
        }
    }
}
