package io.qwenimage.kernels.benchmark;

import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.counting.LineCount;
import java.util.Map;

/**
 * A model of an H100 SXM. A kernel that moves memory has three times. Transport: what must cross the memory, at 92 % of
 * its bandwidth, or if it is longer what moves between caches and multiprocessors, at the L2 cache's bandwidth. The
 * issue of all instructions. And latency, after Little's law: as many blocks as are resident at once do not end before
 * each has waited for memory as often as one load depends on another, and has issued its own instructions one after the
 * other. They hide behind each other only in part: the model takes the root of the sum of their squares, which is
 * within a tenth of what an H200 took where two of them are alike. Then comes the start and the end of a grid. It is a model,
 * no measurement.
 */
final class HopperModel {
    static final int MULTIPROCESSORS = 132;
    static final double CYCLES_A_SECOND = 1.755e9;
    static final double MEMORY_BYTES_A_SECOND = 0.92 * 3352e9;
    /** Of L2: the 5.5 TB/s that are published for the card of 114 multiprocessors, by their number. */
    static final double CACHE_BYTES_A_SECOND = 5.5e12 * MULTIPROCESSORS / 114;
    static final int SCHEDULERS = 4;
    static final int SHARED_BYTES_A_CYCLE = 128;
    /** Of wgmma: what a product of 8192^3 in BF16 reaches within the power limit, 798 TFLOP/s, at this clock. */
    static final double WGMMA_A_CYCLE = 798e12 / 2 / MULTIPROCESSORS / CYCLES_A_SECOND;
    /** Of mma.sync: 62.9 % of the peak (https://arxiv.org/abs/2402.13499), 2048 a cycle. */
    static final double MMA_A_CYCLE = 0.629 * 2048;
    static final double START_SECONDS = 2e-6;
    /** From a load to its data while the memory is busy. */
    static final double LATENCY_SECONDS = 0.75e-6;
    /** From an instruction of a warp to its next, in the mean of those that wait for a result and those that do not. */
    private static final double DEPENDENT_CYCLES = 2;
    private static final double INSTRUCTIONS_A_SECOND = MULTIPROCESSORS * SCHEDULERS * CYCLES_A_SECOND;
    private static final int MOST_WARPS = 64;
    private static final int MOST_BLOCKS = 32;
    private static final int REGISTERS = 65536;
    private static final int REGISTER_UNIT = 8;
    private static final int WARP = 32;
    private static final int SHARED_BYTES = 227 * 1024;
    private static final int SHARED_OF_THE_SYSTEM = 1024;
    /** What the assembler makes of PTX instructions that the device does not have, by nvdisasm. */
    private static final Map<String, Integer> SEQUENCES = Map.of("div.rn.f32", 12, "sqrt.rn.f32", 12, "rcp.rn.f32", 10,
            "div.rn.f64", 40, "rsqrt.approx.f32", 4, "rem.s32", 24, "div.s32", 24, "rem.s64", 100, "div.s64", 100);

    private HopperModel() {
    }

    /**
     * Time of a kernel that moves memory.
     *
     * @param blocks        of the grid
     * @param warps         of a block
     * @param residentWarps of a multiprocessor
     * @param blockBytes    that a block must move
     * @param moved         how many times that it moves
     * @param slots         instructions of a block
     * @param rounds        how often in the life of a block a load waits for another
     */
    static double microseconds(final long blocks, final int warps, final int residentWarps, final double blockBytes,
            final double moved, final double slots, final int rounds) {
        final double transport = blocks * blockBytes * Math.max(1 / MEMORY_BYTES_A_SECOND,
                moved / CACHE_BYTES_A_SECOND);
        final double issue = blocks * slots / INSTRUCTIONS_A_SECOND;
        final double life = rounds * LATENCY_SECONDS + slots / warps * DEPENDENT_CYCLES / CYCLES_A_SECOND;
        final double latency = life * Math.max(1, (double) blocks * warps / residentWarps / MULTIPROCESSORS);
        return (Math.hypot(transport, Math.hypot(issue, latency)) + START_SECONDS) * 1e6;
    }

    /** Issue slots that the counted instructions take; moves between registers are not in the machine code. */
    static double slots(final Counters counters) {
        double slots = 0;
        for (final LineCount line : counters.lines()) {
            if (line.instructionClass() != InstructionClass.MOVE) {
                slots += (double) line.warpInstructions() * sequence(line.text());
            }
        }
        return slots;
    }

    private static int sequence(final String text) {
        for (final Map.Entry<String, Integer> entry : SEQUENCES.entrySet()) {
            if (text.contains(entry.getKey())) {
                return entry.getValue();
            }
        }
        return 1;
    }

    static int residentWarps(final int warps, final int registers, final int sharedBytes) {
        final int ofAWarp = Math.ceilDiv(registers, REGISTER_UNIT) * REGISTER_UNIT * WARP;
        final int byRegisters = REGISTERS / ofAWarp / warps;
        final int byShared = SHARED_BYTES / (sharedBytes + SHARED_OF_THE_SYSTEM);
        return warps * Math.min(Math.min(MOST_BLOCKS, MOST_WARPS / warps), Math.min(byRegisters, byShared));
    }
}
