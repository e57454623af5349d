package io.qwenimage.backend.cuda;

import io.qwenimage.backend.OwnedMemory;
import io.qwenimage.kernels.driver.DeviceBuffer;

/** A piece of device memory. */
final class Storage extends OwnedMemory {
    private final CudaBackend backend;
    private final DeviceBuffer buffer;
    private final boolean weights;

    /**
     * Memory that goes back to the backend's pool.
     *
     * @param weights whether the books count it as weights
     */
    Storage(final CudaBackend backend, final DeviceBuffer buffer, final boolean weights) {
        this.backend = backend;
        this.buffer = buffer;
        this.weights = weights;
    }

    /**
     * Where it begins.
     *
     * @throws IllegalStateException if its arena is closed
     */
    long address() {
        requireOpen();
        return buffer.address();
    }

    DeviceBuffer buffer() {
        return buffer;
    }

    boolean weights() {
        return weights;
    }

    @Override
    protected void release() {
        backend.giveBack(this);
    }
}
