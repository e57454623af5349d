package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.benchmark.CountedLaunch.Figures;
import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.counting.LineCount;
import java.util.Locale;

/**
 * A kernel that moves memory, at a shape of the product.
 *
 * @param launch     of the kernel
 * @param shape      and where it occurs
 * @param blockBytes that a full block must move at least: what it alone reads, and what it writes
 * @param mostMoved  how many times that it may move, by what is common to blocks and comes from a cache
 * @param rounds     how often in the life of a block a load waits for another
 */
record CountedKernel(CountedLaunch launch, String shape, double blockBytes, double mostMoved, int rounds) {
    static final String HEAD = """
            | kernel | shape | registers | spilled bytes | shared bytes | resident warps | sectors / ideal \
            | bank conflicts | moved | modelled us |
            |---|---|---|---|---|---|---|---|---|---|""";
    private static final int SECTOR = 32;
    private static final int BLOCKS = 3;

    /**
     * What was counted in a block.
     *
     * @param sectors      that requests of warps to global memory touched
     * @param idealSectors that as many bytes need
     * @param conflicts    passes through shared memory beyond what no layout could save
     * @param slots        of issue
     * @param figures      what the assembler said
     */
    record Counted(double sectors, double idealSectors, double conflicts, double slots, Figures figures) {
    }

    /** Runs three blocks, the first and two from within the grid. */
    Counted count() {
        final long blocks = launch.blocks();
        final long[] numbers = blocks < BLOCKS ? new long[] {0} : new long[] {0, blocks / BLOCKS, 2 * blocks / BLOCKS};
        final Counters counters = launch.run(numbers);
        final LineCount global = counters.sum(line -> line.instructionClass() == InstructionClass.LOAD_GLOBAL
                || line.instructionClass() == InstructionClass.STORE_GLOBAL);
        final LineCount shared = counters.sum(line -> line.instructionClass() == InstructionClass.LOAD_SHARED
                || line.instructionClass() == InstructionClass.STORE_SHARED);
        final double count = numbers.length;
        return new Counted(global.sectors() / count, global.idealSectors() / count, shared.bankConflicts() / count,
                HopperModel.slots(counters) / count, launch.figures());
    }

    /** Bytes that a block moves between caches and multiprocessor, against those that it must. */
    double moved(final Counted counted) {
        return counted.sectors() * SECTOR / blockBytes;
    }

    /** A line of the table. */
    String line(final String name, final Counted counted) {
        final Figures figures = counted.figures();
        return String.format(Locale.ROOT, "| `%s` | %s | %d | %d | %d | %d | %.0f / %.0f | %.0f | %.2f | %.1f |", name,
                shape, figures.registers(), figures.spillBytes(), figures.sharedBytes(), figures.residentWarps(),
                counted.sectors(), counted.idealSectors(), counted.conflicts(), moved(counted),
                HopperModel.microseconds(launch.blocks(), launch.warps(), figures.residentWarps(), blockBytes,
                        moved(counted), counted.slots(), rounds));
    }

    @Override
    public String toString() {
        return launch.entry() + " " + shape;
    }
}
