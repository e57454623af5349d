package io.qwenimage.kernels.driver;

/**
 * What a {@link MemoryPool} holds, in bytes of device memory.
 *
 * @param budget the most that in use and pooled may come to
 * @param inUse blocks that buffers hold, rounded up to their size class
 * @param pooled blocks that are kept for reuse
 * @param peak the largest that in use and pooled together have been
 * @param buffers number of buffers that are open
 */
public record MemoryBooks(long budget, long inUse, long pooled, long peak, int buffers) {
    /** What can still be allocated: the budget less what is in use, for pooled blocks are given up where needed. */
    public long available() {
        return budget - inUse;
    }
}
