package io.qwenimage.backend;

/**
 * The books of a backend's memory, in bytes.
 *
 * @param budget  what the backend may hold at most
 * @param weights what prepared weights take
 * @param inUse   what open arenas hold beside weights
 * @param pooled  what the pool keeps for reuse
 */
public record MemoryStatus(long budget, long weights, long inUse, long pooled) {
    /** What may still be allocated. */
    public long free() {
        return Math.max(0, budget - weights - inUse);
    }
}
