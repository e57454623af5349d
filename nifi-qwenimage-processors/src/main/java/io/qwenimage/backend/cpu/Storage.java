package io.qwenimage.backend.cpu;

/** Native memory of one tensor and its views; belongs to one arena at a time. */
final class Storage {
    private final BlockPool.Block block;
    private CpuArena owner;

    /** A block owned by an arena. */
    Storage(final BlockPool.Block block, final CpuArena owner) {
        this.block = block;
        this.owner = owner;
    }

    /** The memory. */
    BlockPool.Block block() {
        return block;
    }

    /** The arena that will give the memory back, or null if it has done so. */
    CpuArena owner() {
        return owner;
    }

    /** Hands the memory over, or ends its use with null. */
    void owner(final CpuArena arena) {
        owner = arena;
    }

    /**
     * Address of the first byte.
     *
     * @throws IllegalStateException if the arena is closed
     */
    long address() {
        if (owner == null) {
            throw new IllegalStateException("a tensor was used after its arena had been closed; keep it in an arena "
                    + "that lives longer");
        }
        return block.address();
    }
}
