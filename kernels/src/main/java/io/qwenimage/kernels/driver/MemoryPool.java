package io.qwenimage.kernels.driver;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Device memory under a budget, kept for reuse. Sizes are rounded up to classes, eight to each power of two, so that at
 * most an eighth is lost and blocks fit again. A block that is given back stays with the stream that used it and is
 * reused there at once, without waiting; another stream that takes it waits for the first by an event on the device.
 * Only a block that the pool does not have yet costs a call that may wait.
 */
public final class MemoryPool implements AutoCloseable {
    private static final long SMALLEST = 512;
    private static final int CLASSES_PER_OCTAVE_BITS = 3;

    private final DriverContext context;
    private final long budget;
    private final boolean pooling;
    /** Blocks that nobody uses, by the stream that used them last (null: nobody still does) and by size. */
    private final Map<CudaStream, FreeBlocks> pooled = new IdentityHashMap<>();
    /** Blocks given back while their stream records a graph: they count as in use, for the graph will use them. */
    private final Map<CudaStream, FreeBlocks> captured = new IdentityHashMap<>();
    private final Set<Block> used = new HashSet<>();
    private long inUseBytes;
    private long pooledBytes;
    private long peakBytes;

    private static final class FreeBlocks {
        private final Map<Long, Deque<Block>> bySize = new HashMap<>();

        private void add(final Block block) {
            bySize.computeIfAbsent(block.bytes, size -> new ArrayDeque<>()).push(block);
        }

        /** The block that was added last, or null. */
        private Block take(final long size) {
            final Deque<Block> blocks = bySize.get(size);
            return blocks == null ? null : blocks.poll();
        }

        private boolean has(final long size) {
            final Deque<Block> blocks = bySize.get(size);
            return blocks != null && !blocks.isEmpty();
        }

        private void remove(final Block block) {
            bySize.get(block.bytes).remove(block);
        }

        private List<Block> all() {
            return bySize.values().stream().flatMap(Deque::stream).toList();
        }
    }

    /** A piece of memory; its owner is the stream whose order it follows, or null once nothing can still use it. */
    static final class Block {
        private final long address;
        private final long bytes;
        private final Set<CudaStream> users = new HashSet<>();
        private CudaStream owner;

        private Block(final long address, final long bytes) {
            this.address = address;
            this.bytes = bytes;
        }

        long address() {
            return address;
        }

        void addUser(final CudaStream stream) {
            if (stream != owner) {
                users.add(stream);
            }
        }
    }

    /**
     * @param pooling whether blocks are rounded up and kept; if not, every buffer is an allocation of exactly its size
     */
    MemoryPool(final DriverContext context, final long budget, final boolean pooling) {
        this.context = context;
        this.budget = budget;
        this.pooling = pooling;
    }

    /** What is held at this moment. */
    public synchronized MemoryBooks books() {
        return new MemoryBooks(budget, inUseBytes, pooledBytes, peakBytes, used.size());
    }

    /** The size of the block that a buffer of so many bytes takes. */
    public static long blockBytes(final long bytes) {
        if (bytes <= SMALLEST) {
            return SMALLEST;
        }
        final int octave = Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes - 1);
        final long step = Math.max(1L << octave - CLASSES_PER_OCTAVE_BITS, SMALLEST);
        return Math.multiplyExact(Math.ceilDiv(bytes, step), step);
    }

    /** Gives all pooled blocks back to the device, after waiting for the work that used them. */
    public synchronized void trim() {
        context.enter();
        pooled.values().forEach(blocks -> blocks.all().forEach(this::free));
        pooled.clear();
        pooledBytes = 0;
    }

    long freeOnDevice() {
        context.enter();
        final long[] free = new long[1];
        final long[] total = new long[1];
        context.check(JCudaDriver.cuMemGetInfo(free, total), () -> "asking for free memory");
        return free[0];
    }

    /** A buffer whose life is ordered by the stream. */
    synchronized DeviceBuffer allocate(final CudaStream stream, final long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("a buffer of " + bytes + " bytes; ask for at least one");
        }
        context.enter();
        final long size = pooling ? blockBytes(bytes) : bytes;
        Block block = takeCaptured(stream, size);
        if (block == null) {
            block = takePooled(stream, size);
            block = block == null ? create(size, bytes) : block;
            inUseBytes += block.bytes;
        }
        block.owner = stream;
        used.add(block);
        peakBytes = Math.max(peakBytes, inUseBytes + pooledBytes);
        return new DeviceBuffer(this, block, bytes);
    }

    synchronized void release(final Block block) {
        if (!used.remove(block) || context.isLost()) {
            return;
        }
        joinUsers(block);
        final FreeBlocks recorded = captured.get(block.owner);
        if (recorded != null) {
            recorded.add(block);
        } else {
            inUseBytes -= block.bytes;
            giveBack(block);
        }
    }

    /** From now on what the stream's buffers give back is kept for the graph that it records. */
    synchronized void beginCapture(final CudaStream stream) {
        captured.put(stream, new FreeBlocks());
    }

    /** The blocks that the recorded graph used by itself; they stay in use until {@link #releaseCaptured}. */
    synchronized List<Block> endCapture(final CudaStream stream) {
        return captured.remove(stream).all();
    }

    /** Gives blocks of a graph back that does not run any more. */
    synchronized void releaseCaptured(final List<Block> blocks) {
        for (final Block block : blocks) {
            block.owner = null;
            inUseBytes -= block.bytes;
            giveBack(block);
        }
    }

    /** Blocks of a stream that has ended follow no order any more. */
    synchronized void disown(final CudaStream stream) {
        final FreeBlocks blocks = pooled.remove(stream);
        for (final Block block : used) {
            block.users.remove(stream);
            block.owner = block.owner == stream ? null : block.owner;
        }
        if (blocks != null) {
            for (final Block block : blocks.all()) {
                block.owner = null;
                pooledBytes -= block.bytes;
                pool(block);
            }
        }
    }

    /** Orders the block's owner after all other streams that used it. */
    private void joinUsers(final Block block) {
        for (final CudaStream user : block.users) {
            if (block.owner == null) {
                block.owner = user;
            } else if (user != block.owner) {
                block.owner.awaitAll(user);
            }
        }
        block.users.clear();
    }

    private void giveBack(final Block block) {
        if (pooling) {
            pool(block);
        } else if (!context.isLost()) {
            context.enter();
            free(block);
        }
    }

    private void pool(final Block block) {
        pooledBytes += block.bytes;
        pooled.computeIfAbsent(block.owner, stream -> new FreeBlocks()).add(block);
    }

    private Block takeCaptured(final CudaStream stream, final long size) {
        final FreeBlocks recorded = captured.get(stream);
        return recorded == null ? null : recorded.take(size);
    }

    /** A block that the stream used before, or one that another did, whose end the stream then waits for. */
    private Block takePooled(final CudaStream stream, final long size) {
        final List<CudaStream> owners = new ArrayList<>();
        owners.add(stream);
        owners.add(null);
        if (!captured.containsKey(stream)) {
            // A stream that records, or is recorded, cannot be ordered after work outside of the graph.
            pooled.keySet().stream().filter(owner -> !captured.containsKey(owner)).forEach(owners::add);
        }
        for (final CudaStream owner : owners) {
            final FreeBlocks blocks = pooled.get(owner);
            if (blocks != null && blocks.has(size)) {
                if (owner != null && owner != stream) {
                    stream.awaitAll(owner);
                }
                pooledBytes -= size;
                return blocks.take(size);
            }
        }
        return null;
    }

    private Block create(final long size, final long requested) {
        if (inUseBytes + size > budget) {
            throw exhausted(requested, "the budget does not hold it");
        }
        if (inUseBytes + pooledBytes + size > budget) {
            evict(inUseBytes + pooledBytes + size - budget);
        }
        final DeviceAddress address = new DeviceAddress();
        int result = JCudaDriver.cuMemAlloc(address, size);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY && pooledBytes > 0) {
            trim();
            result = JCudaDriver.cuMemAlloc(address, size);
        }
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw exhausted(requested, "the device has no more");
        }
        context.check(result, () -> "allocating " + requested + " bytes");
        return new Block(address.value(), size);
    }

    /** Gives pooled blocks back until so many bytes are free of the budget, largest first to keep calls few. */
    private void evict(final long bytes) {
        final List<Block> blocks = new ArrayList<>();
        pooled.values().forEach(free -> blocks.addAll(free.all()));
        blocks.sort((one, other) -> Long.compare(other.bytes, one.bytes));
        long freed = 0;
        final Iterator<Block> next = blocks.iterator();
        while (freed < bytes && next.hasNext()) {
            final Block block = next.next();
            pooled.get(block.owner).remove(block);
            pooledBytes -= block.bytes;
            freed += block.bytes;
            free(block);
        }
    }

    /** The driver waits for the device before it frees. */
    private void free(final Block block) {
        context.awaitIdle();
        context.check(JCudaDriver.cuMemFree(new DeviceAddress(block.address)),
                () -> "freeing " + block.bytes + " bytes");
    }

    private DeviceMemoryException exhausted(final long requested, final String reason) {
        final MemoryBooks books = books();
        return new DeviceMemoryException(requested + " bytes were asked of " + context.properties().title() + ", but "
                + reason + ": free on the device " + freeOnDevice() + ", budget " + budget + ", in use " + inUseBytes
                + " in " + used.size() + " buffers, pooled " + pooledBytes
                + ". A smaller picture, fewer requests at a time, a larger budget or the release of models helps",
                requested, books);
    }

    /** Frees all memory, also what buffers still hold; on a lost device that is left to the context's end. */
    @Override
    public synchronized void close() {
        if (!context.isLost()) {
            trim();
            used.forEach(this::free);
        }
        used.clear();
        pooled.clear();
        inUseBytes = 0;
        pooledBytes = 0;
    }
}
