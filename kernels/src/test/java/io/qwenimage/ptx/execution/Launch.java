package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.Findings;
import io.qwenimage.ptx.instruction.DecodedKernel;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.memory.MemoryRegion;

/**
 * What all blocks of one launch share.
 *
 * @param kernel the kernel
 * @param grid blocks in x, y and z
 * @param block threads of a block in x, y and z
 * @param cluster blocks of a cluster in x, y and z
 * @param dynamicSharedBytes bytes of dynamic shared memory
 * @param parameters the arguments
 * @param memory global memory
 * @param findings where faults go
 * @param seed of the schedule
 * @param racesInspected whether races on shared memory are looked for
 */
public record Launch(DecodedKernel kernel, int[] grid, int[] block, int[] cluster, int dynamicSharedBytes,
                     MemoryRegion parameters, DeviceMemory memory, Findings findings, long seed,
                     boolean racesInspected) {
    public int threadsPerBlock() {
        return block[0] * block[1] * block[2];
    }

    public int warpsPerBlock() {
        return (threadsPerBlock() + 31) / 32;
    }

    public int blocksPerCluster() {
        return cluster[0] * cluster[1] * cluster[2];
    }

    /** Clusters along an axis. */
    public int clusters(final int axis) {
        return grid[axis] / cluster[axis];
    }

    public long clusterCount() {
        return (long) clusters(0) * clusters(1) * clusters(2);
    }

    /** Index along an axis of a thread, given its number in the block. */
    public int threadIndex(final int thread, final int axis) {
        return switch (axis) {
            case 0 -> thread % block[0];
            case 1 -> thread / block[0] % block[1];
            default -> thread / (block[0] * block[1]);
        };
    }

    String threadName(final int thread) {
        return "(" + threadIndex(thread, 0) + ", " + threadIndex(thread, 1) + ", " + threadIndex(thread, 2) + ")";
    }
}
