package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.DeviceBuffer;

/** Device memory that an arena owns and tensors view. */
final class Storage {
    private final DeviceBuffer buffer;
    private final boolean weights;
    private CudaArena owner;

    /**
     * Memory in an arena.
     *
     * @param weights whether the books count it as weights
     */
    Storage(final DeviceBuffer buffer, final boolean weights, final CudaArena owner) {
        this.buffer = buffer;
        this.weights = weights;
        this.owner = owner;
    }

    /**
     * Where it begins.
     *
     * @throws IllegalStateException if its arena is closed
     */
    long address() {
        if (owner == null) {
            throw new IllegalStateException("the arena of a tensor that is used is closed");
        }
        return buffer.address();
    }

    DeviceBuffer buffer() {
        return buffer;
    }

    boolean weights() {
        return weights;
    }

    CudaArena owner() {
        return owner;
    }

    void owner(final CudaArena arena) {
        owner = arena;
    }
}
