package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaEvent;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.PinnedBuffer;
import java.nio.ByteBuffer;

/**
 * Copies between host memory and the device through page-locked buffers: while the device takes one, the next is filled. A mapped
 * file is read once, and only as fast as the bus takes it.
 */
final class Uploads implements AutoCloseable {
    private static final int BUFFERS = 2;
    private static final int BUFFER_BYTES = 16 << 20;
    /** What the driver copies through buffers of its own without waiting for the device. */
    private static final int DIRECT_BYTES = 64 << 10;

    private final CudaDevice device;
    private final CudaStream stream;
    private final PinnedBuffer[] buffers = new PinnedBuffer[BUFFERS];
    private final CudaEvent[] taken = new CudaEvent[BUFFERS];
    private int next;

    /** Copies on a stream. */
    Uploads(final CudaDevice device, final CudaStream stream) {
        this.device = device;
        this.stream = stream;
    }

    /**
     * Copies bytes, from position to limit, into a buffer; they may change as soon as this returns.
     *
     * @param offset where in the buffer, in bytes
     */
    void copy(final ByteBuffer bytes, final DeviceBuffer target, final long offset) {
        if (offset == 0 && bytes.remaining() <= DIRECT_BYTES) {
            stream.upload(bytes, target);
            return;
        }
        for (int start = 0; start < bytes.remaining(); start += BUFFER_BYTES) {
            final int size = Math.min(BUFFER_BYTES, bytes.remaining() - start);
            final int index = waitForBuffer();
            buffers[index].bytes().put(0, bytes, bytes.position() + start, size);
            stream.upload(buffers[index], 0, target, offset + start, size);
            taken[index].record(stream);
        }
    }

    /** Copies from a buffer to host memory, from its position to its limit, and waits. */
    void fetch(final DeviceBuffer source, final long offset, final ByteBuffer target) {
        for (int start = 0; start < target.remaining(); start += BUFFER_BYTES) {
            final int size = Math.min(BUFFER_BYTES, target.remaining() - start);
            final int index = waitForBuffer();
            stream.download(source, offset + start, buffers[index], 0, size);
            stream.synchronize();
            target.put(target.position() + start, buffers[index].bytes(), 0, size);
        }
    }

    private int waitForBuffer() {
        final int index = next;
        next = (next + 1) % BUFFERS;
        if (buffers[index] == null) {
            buffers[index] = device.allocatePinned(BUFFER_BYTES);
            taken[index] = device.openEvent();
            taken[index].record(stream);
        }
        taken[index].synchronize();
        return index;
    }

    @Override
    public void close() {
        for (int index = 0; index < BUFFERS; index++) {
            if (buffers[index] != null) {
                taken[index].close();
                buffers[index].close();
            }
        }
    }
}
