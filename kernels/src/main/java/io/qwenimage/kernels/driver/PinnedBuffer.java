package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Page-locked host memory: copies between it and the device run while the host goes on. Its bytes must stay as they
 * are, and it must stay open, until a copy that uses it has run.
 */
public final class PinnedBuffer implements AutoCloseable {
    private final CudaDevice device;
    private final DriverContext context;
    private final Pointer pointer = new Pointer();
    private final ByteBuffer bytes;
    private boolean closed;

    PinnedBuffer(final CudaDevice device, final DriverContext context, final long size) {
        if (size < 1 || size > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("pinned buffer of " + size
                    + " bytes; between 1 and 2147483647 are possible");
        }
        this.device = device;
        this.context = context;
        context.check(JCudaDriver.cuMemHostAlloc(pointer, size, 0),
                () -> "page-locking " + size + " bytes of host memory");
        this.bytes = pointer.getByteBuffer(0, size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The memory itself, little-endian, from its beginning. */
    public ByteBuffer bytes() {
        requireOpen();
        return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Its size. */
    public int size() {
        return bytes.capacity();
    }

    Pointer pointer(final long offset) {
        requireOpen();
        return pointer.withByteOffset(offset);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("pinned buffer of " + bytes.capacity() + " bytes is closed");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        device.remove(this);
        if (!context.isLost()) {
            context.enter();
            context.check(JCudaDriver.cuMemFreeHost(pointer), () -> "freeing page-locked host memory");
        }
    }
}
