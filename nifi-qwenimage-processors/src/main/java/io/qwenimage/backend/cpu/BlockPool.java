package io.qwenimage.backend.cpu;

import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.ResourceExhaustedException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.Pointer;

/**
 * Native memory in blocks aligned to a cache line, within a budget. Blocks that come back are kept and handed out
 * again, best fit first, because fresh pages cost more than the arithmetic on them; they are freed when the budget
 * wants them.
 */
final class BlockPool implements AutoCloseable {
    private static final int ALIGNMENT = 64;
    private static final int PAGE = 4096;
    private static final long HUGE_PAGE = 1L << 21;
    private static final long HUGE_PAGES_FROM = 8 * HUGE_PAGE;
    private static final double ACCEPTED_EXCESS = 1.25;

    private final long budget;
    private final TreeMap<Long, Deque<Block>> pooled = new TreeMap<>();
    private long pooledBytes;
    private long inUseBytes;
    private long weightBytes;

    /** A pool that holds at most {@code budget} bytes. */
    BlockPool(final long budget) {
        this.budget = budget;
    }

    /**
     * A piece of native memory.
     *
     * @param raw     what the allocator gave
     * @param address the first aligned byte
     * @param bytes   usable from there
     * @param weights whether it holds weights, which are accounted for separately
     */
    record Block(Pointer raw, long address, long bytes, boolean weights) {
    }

    /**
     * A block of at least the given size, uninitialised.
     *
     * @param purpose appears in the message if memory is lacking
     */
    synchronized Block allocate(final long bytes, final boolean weights, final String purpose) {
        final long size = roundUp(Math.max(bytes, 1));
        if (size > budget - weightBytes - inUseBytes) {
            throw new ResourceExhaustedException(purpose + " asked for " + bytes + " bytes, but only "
                    + Math.max(0, budget - weightBytes - inUseBytes) + " of the device's budget of " + budget
                    + " are free (weights " + weightBytes + ", other work " + inUseBytes
                    + "); raise the memory budget, make the picture smaller, or run fewer requests at once");
        }
        final Block reused = weights ? null : takeFitting(size);
        final Block block = reused != null ? reused : create(size, weights, purpose);
        account(block, 1);
        return block;
    }

    /** Takes a block back. */
    synchronized void release(final Block block) {
        account(block, -1);
        if (block.weights()) {
            Pointer.free(block.raw());
            return;
        }
        pooled.computeIfAbsent(block.bytes(), size -> new ArrayDeque<>()).push(block);
        pooledBytes += block.bytes();
    }

    /** The books. */
    synchronized MemoryStatus status() {
        return new MemoryStatus(budget, weightBytes, inUseBytes, pooledBytes);
    }

    /** Frees what lies in the pool. */
    @Override
    public synchronized void close() {
        freePooled(0);
    }

    private Block takeFitting(final long size) {
        final Map.Entry<Long, Deque<Block>> entry = pooled.ceilingEntry(size);
        if (entry == null || entry.getKey() > size * ACCEPTED_EXCESS
                || entry.getKey() > budget - weightBytes - inUseBytes) {
            return null;
        }
        final Block block = entry.getValue().pop();
        if (entry.getValue().isEmpty()) {
            pooled.remove(entry.getKey());
        }
        pooledBytes -= block.bytes();
        return block;
    }

    private Block create(final long size, final boolean weights, final String purpose) {
        freePooled(budget - weightBytes - inUseBytes - size);
        final long alignment = size >= HUGE_PAGES_FROM ? HUGE_PAGE : ALIGNMENT;
        final Pointer raw = Pointer.malloc(size + alignment);
        if (raw == null || raw.isNull()) {
            throw new ResourceExhaustedException(purpose + " asked for " + size + " bytes, which the operating system "
                    + "refused although the budget of " + budget + " bytes would allow them; lower the memory budget "
                    + "or stop other programs");
        }
        final long address = (raw.address() + alignment - 1) & -alignment;
        if (alignment == HUGE_PAGE) {
            NativeLibraries.preferHugePages(address, size);
        }
        return new Block(raw, address, size, weights);
    }

    private void freePooled(final long allowed) {
        while (pooledBytes > allowed && !pooled.isEmpty()) {
            final Map.Entry<Long, Deque<Block>> largest = pooled.lastEntry();
            final Block block = largest.getValue().pop();
            if (largest.getValue().isEmpty()) {
                pooled.remove(largest.getKey());
            }
            pooledBytes -= block.bytes();
            Pointer.free(block.raw());
        }
    }

    private void account(final Block block, final int sign) {
        if (block.weights()) {
            weightBytes += sign * block.bytes();
        } else {
            inUseBytes += sign * block.bytes();
        }
    }

    private static long roundUp(final long bytes) {
        final long unit = bytes > 16L * PAGE ? PAGE : ALIGNMENT;
        return (bytes + unit - 1) / unit * unit;
    }
}
