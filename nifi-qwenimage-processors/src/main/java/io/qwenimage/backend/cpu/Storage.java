package io.qwenimage.backend.cpu;

import io.qwenimage.backend.OwnedMemory;

/** A block of native memory. */
final class Storage extends OwnedMemory {
    private final BlockPool pool;
    private final BlockPool.Block block;

    /** A block that goes back to its pool. */
    Storage(final BlockPool pool, final BlockPool.Block block) {
        this.pool = pool;
        this.block = block;
    }

    /**
     * Address of the first byte.
     *
     * @throws IllegalStateException if the arena is closed
     */
    long address() {
        requireOpen();
        return block.address();
    }

    @Override
    protected void release() {
        pool.release(block);
    }
}
