package io.qwenimage.kernels.benchmark;

/**
 * A model of an H100 SXM for kernels that move memory. Time is the longest of three: what must cross the memory, at
 * 92 % of its bandwidth; what moves between caches and multiprocessors, at the L2 cache's bandwidth; the issue of all
 * warp instructions; and then the start and the end of a grid. It is a model, no measurement.
 */
final class HopperModel {
    static final double MEMORY_BYTES_A_SECOND = 0.92 * 3352e9;
    static final double CACHE_BYTES_A_SECOND = 5.5e12;
    static final double INSTRUCTIONS_A_SECOND = 132 * 4 * 1.755e9;
    static final double START_SECONDS = 2e-6;
    private static final int MOST_WARPS = 64;
    private static final int MOST_BLOCKS = 32;
    private static final int REGISTERS = 65536;
    private static final int REGISTER_UNIT = 8;
    private static final int WARP = 32;
    private static final int SHARED_BYTES = 227 * 1024;
    private static final int SHARED_OF_THE_SYSTEM = 1024;

    private HopperModel() {
    }

    static double microseconds(final long blocks, final double blockBytes, final double moved,
            final double instructions) {
        final double memory = blocks * blockBytes / MEMORY_BYTES_A_SECOND;
        final double cache = blocks * blockBytes * moved / CACHE_BYTES_A_SECOND;
        final double issue = blocks * instructions / INSTRUCTIONS_A_SECOND;
        return (Math.max(memory, Math.max(cache, issue)) + START_SECONDS) * 1e6;
    }

    static int residentWarps(final int warps, final int registers, final int sharedBytes) {
        final int ofAWarp = Math.ceilDiv(registers, REGISTER_UNIT) * REGISTER_UNIT * WARP;
        final int byRegisters = REGISTERS / ofAWarp / warps;
        final int byShared = SHARED_BYTES / (sharedBytes + SHARED_OF_THE_SYSTEM);
        return warps * Math.min(Math.min(MOST_BLOCKS, MOST_WARPS / warps), Math.min(byRegisters, byShared));
    }
}
