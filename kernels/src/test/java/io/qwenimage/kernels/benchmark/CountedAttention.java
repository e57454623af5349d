package io.qwenimage.kernels.benchmark;

import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.counting.LineCount;
import java.util.Locale;

/**
 * A kernel of attention, at a shape of the product. What its main loop does is the difference between a launch and one
 * with some steps fewer; everything else is counted over the whole of the blocks that run.
 *
 * @param shape      and where it occurs
 * @param launch     at this shape
 * @param blocks     which blocks run: their mean stands for all
 * @param shorter    the same with fewer keys
 * @param work       what the whole launch has to do
 */
record CountedAttention(String shape, CountedLaunch launch, long[] blocks, CountedLaunch shorter,
                        Work work) {
    static final String HEAD = """
            | kernel | shape | registers | spilled bytes | shared bytes | resident warps | sectors / ideal \
            | bank conflicts of the loop | tensor-core share of the loop's issue slots | moved | tensor cores us \
            | issue us | special functions us | shared memory us | L2 us | memory us | modelled us | TFLOP/s |
            |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|""";
    private static final int SECTOR = 32;
    /** What each tensor copy of the kernel for Hopper moves: 128 rows of 128 elements. */
    private static final int BOX_BYTES = 128 * 128 * 2;
    /** What a quarter of a wgmma reads from shared memory: its columns' operand, and its rows' if it lies there. */
    private static final int COLUMNS_BYTES = 128 * 16 * 2 / 4;
    private static final int ROWS_BYTES = 64 * 16 * 2 / 4;

    /**
     * What a launch has to do.
     *
     * @param operations  floating-point operations of the whole
     * @param memoryBytes operands and result, once
     * @param blockBytes  that the blocks which run must move in the mean: their queries, keys, values and outputs
     * @param mostMoved   how many times that they may move
     * @param turns       how many times the work of such a block the busiest multiprocessor does
     * @param waves       how many blocks begin on it one after the other
     * @param tensorRate  multiplications with addition that the tensor cores of a multiprocessor do in a cycle
     */
    record Work(double operations, double memoryBytes, double blockBytes, double mostMoved, double turns, double waves,
                double tensorRate) {
    }

    /**
     * What was counted, a block, and what follows from it.
     *
     * @param sectors       that requests of warps to global memory touched
     * @param idealSectors  that as many bytes need
     * @param loopConflicts passes through shared memory in the main loop beyond what no layout could save
     * @param tensorShare   of the issue slots of the main loop
     * @param bytes         between caches and multiprocessor
     * @param cycles        that a block keeps its units busy
     * @param figures       what the assembler said
     */
    record Counted(double sectors, double idealSectors, long loopConflicts, double tensorShare, double bytes,
                   Cycles cycles, CountedLaunch.Figures figures) {
    }

    /** Cycles of a multiprocessor by the unit that they take. */
    private record Cycles(double tensor, double issue, double special, double shared, double cache) {
        private double longest() {
            return Math.max(Math.max(Math.max(tensor, issue), Math.max(special, shared)), cache);
        }
    }

    Counted count() {
        final Counters counters = launch.run(blocks);
        final Counters fewer = shorter.run(blocks);
        final LineCount all = counters.total();
        final long slots = all.warpInstructions() - fewer.total().warpInstructions();
        final long tensor = counters.of(InstructionClass.TENSOR).warpInstructions()
                - fewer.of(InstructionClass.TENSOR).warpInstructions();
        final double count = blocks.length;
        final double bytes = ((double) all.sectors() * SECTOR + (double) boxes(counters).laneInstructions() * BOX_BYTES)
                / count;
        final double rate = work.tensorRate();
        final Cycles cycles = new Cycles(rate == 0 ? 0 : all.multiplyAdds() / rate / count,
                HopperModel.slots(counters) / HopperModel.SCHEDULERS / count,
                2.0 * counters.of(InstructionClass.SPECIAL).warpInstructions() / count,
                sharedCycles(counters) / count,
                bytes / HopperModel.CACHE_BYTES_A_SECOND * HopperModel.MULTIPROCESSORS * HopperModel.CYCLES_A_SECOND);
        return new Counted(all.sectors() / count, all.idealSectors() / count,
                all.bankConflicts() - fewer.total().bankConflicts(), (double) tensor / slots, bytes, cycles,
                launch.figures());
    }

    private static LineCount boxes(final Counters counters) {
        return counters.sum(line -> line.text().startsWith("cp.async.bulk.tensor"));
    }

    private static double sharedCycles(final Counters counters) {
        double bytes = (double) boxes(counters).laneInstructions() * BOX_BYTES;
        for (final LineCount line : counters.lines()) {
            if (line.text().startsWith("wgmma.mma_async")) {
                bytes += (double) line.warpInstructions() * (COLUMNS_BYTES
                        + (line.text().contains("}, {") ? 0 : ROWS_BYTES));
            }
        }
        return counters.total().wavefronts() + bytes / HopperModel.SHARED_BYTES_A_CYCLE;
    }

    double moved(final Counted counted) {
        return counted.bytes() / work.blockBytes();
    }

    double microseconds(final Counted counted) {
        final double busy = work.turns() * counted.cycles().longest() / HopperModel.CYCLES_A_SECOND;
        final double filled = work.waves() * 2 * HopperModel.LATENCY_SECONDS;
        return (Math.max(busy + filled, work.memoryBytes() / HopperModel.MEMORY_BYTES_A_SECOND)
                + HopperModel.START_SECONDS) * 1e6;
    }

    double teraflops(final Counted counted) {
        return work.operations() / microseconds(counted) * 1e-6;
    }

    /** A line of the table. */
    String line(final Counted counted) {
        final CountedLaunch.Figures figures = counted.figures();
        final Cycles cycles = counted.cycles();
        return String.format(Locale.ROOT, "| `%s` | %s | %d | %d | %d | %d | %.0f / %.0f | %d | %.1f %% | %.2f "
                + "| %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.0f |", launch.entry(), shape,
                figures.registers(), figures.spillBytes(), figures.sharedBytes(), figures.residentWarps(),
                counted.sectors(), counted.idealSectors(), counted.loopConflicts(), 100 * counted.tensorShare(),
                moved(counted), microseconds(cycles.tensor()), microseconds(cycles.issue()),
                microseconds(cycles.special()), microseconds(cycles.shared()), microseconds(cycles.cache()),
                work.memoryBytes() / HopperModel.MEMORY_BYTES_A_SECOND * 1e6, microseconds(counted),
                teraflops(counted));
    }

    private double microseconds(final double cycles) {
        return work.turns() * cycles / HopperModel.CYCLES_A_SECOND * 1e6;
    }

    @Override
    public String toString() {
        return launch.entry() + " " + shape;
    }
}
