package io.qwenimage.kernels.standin;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Map;
import java.util.TreeMap;
import jcuda.driver.CUresult;

/** Page-locked memory of the host that was given out. */
final class HostMemory {
    private static final byte SPOILED = (byte) 0xCC;
    private static final long ALIGNMENT = 4096;

    private final TreeMap<Long, Block> blocks = new TreeMap<>();

    private record Block(Memory memory, long bytes, Object owner) {
    }

    /** Page-locks memory for a context. */
    long allocate(final long bytes, final Object owner) {
        if (bytes <= 0) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "page-locking " + bytes + " bytes");
        }
        final Memory memory = new Memory(bytes + ALIGNMENT);
        memory.setMemory(0, bytes + ALIGNMENT, SPOILED);
        final long address = Pointer.nativeValue(memory.align((int) ALIGNMENT));
        blocks.put(address, new Block(memory, bytes, owner));
        return address;
    }

    /** Frees a block and returns its size; it is spoiled, so that a copy that still runs is noticed. */
    long free(final long address) {
        final Block block = blocks.remove(address);
        if (block == null) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "0x" + Long.toHexString(address)
                    + " is no page-locked memory, or has been freed already");
        }
        block.memory.close();
        return block.bytes;
    }

    /** Whether all of the range is page-locked; a range that leaves its block is refused. */
    boolean isPageLocked(final long address, final long bytes) {
        final Map.Entry<Long, Block> block = blocks.floorEntry(address);
        if (block == null || address >= block.getKey() + block.getValue().bytes) {
            return false;
        }
        if (address + bytes > block.getKey() + block.getValue().bytes) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a copy of " + bytes
                    + " bytes leaves its page-locked memory of " + block.getValue().bytes);
        }
        return true;
    }

    /** Size of the block that begins there, 0 if none does. */
    long size(final long address) {
        final Block block = blocks.get(address);
        return block == null ? 0 : block.bytes;
    }

    /** All of it. */
    long bytes() {
        return blocks.values().stream().mapToLong(Block::bytes).sum();
    }

    int count() {
        return blocks.size();
    }

    /** Frees what was page-locked for a context that ends. */
    void freeAll(final Object owner) {
        blocks.values().removeIf(block -> {
            if (block.owner == owner) {
                block.memory.close();
            }
            return block.owner == owner;
        });
    }

    void clear() {
        blocks.values().forEach(block -> block.memory.close());
        blocks.clear();
    }
}
