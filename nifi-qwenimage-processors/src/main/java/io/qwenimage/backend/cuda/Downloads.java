package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.PinnedBuffer;
import java.nio.ByteBuffer;

/** Copies from the device to the host through a page-locked buffer, piece by piece. */
final class Downloads implements AutoCloseable {
    private static final int BUFFER_BYTES = 16 << 20;

    private final CudaStream stream;
    private PinnedBuffer buffer;

    /** Copies on a stream. */
    Downloads(final CudaStream stream) {
        this.stream = stream;
    }

    /** Copies from a buffer to host memory, from its position to its limit, and waits. */
    void fetch(final DeviceBuffer source, final long offset, final ByteBuffer target) {
        if (buffer == null) {
            buffer = stream.device().allocatePinned(BUFFER_BYTES);
        }
        for (int start = 0; start < target.remaining(); start += BUFFER_BYTES) {
            final int size = Math.min(BUFFER_BYTES, target.remaining() - start);
            stream.download(source, offset + start, buffer, 0, size);
            stream.synchronize();
            target.put(target.position() + start, buffer.bytes(), 0, size);
        }
    }

    @Override
    public void close() {
        if (buffer != null) {
            buffer.close();
        }
    }
}
