package io.qwenimage.kernels.driver;

/**
 * A piece of device memory, from the pool and ordered by a stream: work put on that stream after the allocation may use
 * it, and closing it hands it to work put on the stream later. It is not cleared.
 *
 * <p>Where other streams use it too, they must wait for the allocation by an event, and {@link #usedOn} must name each
 * before it is closed.
 */
public final class DeviceBuffer implements AutoCloseable {
    private final MemoryPool pool;
    private final MemoryPool.Block block;
    private final long bytes;
    private boolean closed;

    DeviceBuffer(final MemoryPool pool, final MemoryPool.Block block, final long bytes) {
        this.pool = pool;
        this.block = block;
        this.bytes = bytes;
    }

    /**
     * Where it begins: a multiple of 256.
     *
     * @throws IllegalStateException if it is closed
     */
    public synchronized long address() {
        if (closed) {
            throw new IllegalStateException("device buffer of " + bytes + " bytes is closed");
        }
        return block.address();
    }

    /** Its size as it was asked for. */
    public long bytes() {
        return bytes;
    }

    /** Closing it will wait, on the device, for what the other stream has been given until then. */
    public synchronized void usedOn(final CudaStream stream) {
        address();
        block.addUser(stream);
    }

    /** Gives the memory back to the pool for what is put on its stream later; a second call does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            pool.release(block);
        }
    }

    @Override
    public String toString() {
        return bytes + " bytes of device memory";
    }
}
