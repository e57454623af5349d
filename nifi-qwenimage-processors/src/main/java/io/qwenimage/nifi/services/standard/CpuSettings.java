package io.qwenimage.nifi.services.standard;

import java.nio.file.Path;

/**
 * How the CPU is to be used.
 *
 * @param threads        of one computation
 * @param memoryBudget   native memory for weights and computations together, in bytes
 * @param cacheDirectory where native libraries are unpacked; null for a folder of this user below the temporary one
 */
record CpuSettings(int threads, long memoryBudget, Path cacheDirectory) {
    private static final long DEFAULT_SHARE_NUMERATOR = 3;
    private static final long DEFAULT_SHARE_DENOMINATOR = 4;

    /** Three quarters of the physical memory less the Java heap, but never less than a quarter of it. */
    static long defaultBudget(final long physicalMemory, final long maximumHeap) {
        final long share = physicalMemory / DEFAULT_SHARE_DENOMINATOR * DEFAULT_SHARE_NUMERATOR;
        return Math.max(share - maximumHeap, physicalMemory / DEFAULT_SHARE_DENOMINATOR);
    }
}
