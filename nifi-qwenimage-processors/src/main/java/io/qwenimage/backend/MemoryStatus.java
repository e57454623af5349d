package io.qwenimage.backend;

/**
 * The books of a backend's memory, in bytes.
 *
 * @param budget   what the backend may hold at most
 * @param reserved what its libraries keep of it for themselves
 * @param weights  what prepared weights take
 * @param inUse    what open arenas hold beside weights
 * @param pooled   what the pool keeps for reuse
 */
public record MemoryStatus(long budget, long reserved, long weights, long inUse, long pooled) {
    /** The books of a backend whose libraries keep nothing. */
    public MemoryStatus(final long budget, final long weights, final long inUse, final long pooled) {
        this(budget, 0, weights, inUse, pooled);
    }

    /** What may still be allocated. */
    public long free() {
        return Math.max(0, budget - reserved - weights - inUse);
    }
}
