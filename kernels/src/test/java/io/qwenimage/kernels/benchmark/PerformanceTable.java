package io.qwenimage.kernels.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Writes {@code PERFORMANCE.md}: what is counted of every kernel, and what the model of an H100 makes of it. */
public final class PerformanceTable {
    private static final String TOP = """
            # Kernels, counted

            What the PTX machine counts in some blocks of each kernel, launched as on an H100 (132
            multiprocessors), and what the assembler says for sm_90a. Written by
            `io.qwenimage.kernels.benchmark.PerformanceTable`; `CountedKernelsTest` and
            `CountedAttentionTest` hold the bounds. Times are **modelled, not measured**; the formulas
            are in `HopperModel` and `CountedAttention`, and `LADDER.md` has what an H200 measured. What
            an H100 does with the same kernels is what `KernelBenchmark` prints.

            Sectors are of 32 bytes, counted a block and beside the fewest that hold as many bytes as
            lanes asked for. *Moved* is what a block moves between caches and multiprocessor against what
            it must (its own inputs once, its outputs once); above 1 stands what blocks share and find in
            a cache.

            ## Attention

            The main loop is the difference between a launch and one with fewer keys; its tensor-core share
            is of PTX instructions (`LADDER.md` has the machine code's). For each unit stands how long the
            busiest multiprocessor keeps it busy:

            - tensor cores: multiply-adds / rate; `wgmma` at the 798 TFLOP/s that a product of 8192^3
              reaches under the power limit, `mma.sync` at 62.9 % of the peak (arXiv 2402.13499);
            - issue: instructions / 4 a cycle of 1.755 GHz; special functions: 16 lanes a cycle;
            - shared memory: passes, and what `wgmma` and tensor copies move / 128 bytes a cycle;
            - L2: bytes moved / 6.4 TB/s (the first line's kernel drew 5.7 on an H200);
            - memory: operands and result once / (0.92 * 3352 GB/s).

            The modelled time is the longest of the first five, plus two latencies of 0.75 us for each wave
            of blocks, or the memory's if that is longer, plus 2 us for start and end of the grid. The
            busiest multiprocessor has ceil(blocks / 132) blocks; for Hopper, what the longest list of the
            schedule costs. Bank conflicts of the operands of `wgmma` cannot be counted: they lie in the
            layout that its descriptors name, which has none.
            """;
    private static final String MOVERS = """

            ## Kernels that move memory

            The modelled time is the root of the sum of three squares, plus 2 us: transport, bytes /
            (0.92 * 3352 GB/s) or, if that is longer, bytes * moved / 6.4 TB/s; issue slots / (132 * 4 *
            1.755 GHz), where quotients and roots count as the sequences that the assembler makes of them;
            and latency by Little's law: a block lives as long as its loads wait one after the other,
            0.75 us each, and its warps issue, one instruction in 2 cycles, and no more blocks run at once
            than are resident. The longest of the three alone was 1.4 times too good where two are alike:
            with the 3.6 TB/s that an H200 copies at, this gives 84 us for `pointwise_v2` at [4096, 12288],
            168 for `channelnorm_v2` at [1024, 1024, 96] and 25 for `norm_v3` at [4096, 3072], where the
            H200 took 84, 186 and 23.

            *Moved* above 1.1 is what blocks share and a cache holds: the vector of a matrix-vector product
            (7 KB beside 28 KB of weights), the bias of an epilogue, pixels that lie in nine windows, and
            in sampling the words of seen tokens and what the step before has found.
            """;
    private static final String ONCE = """

            Not in any loop over steps or layers, or small beside what is: held by no bound.
            """;
    private static final String EARLIER = """

            ## Earlier steps of the ladders

            `LADDER.md` says what each is; counted in the same way.
            """;

    private PerformanceTable() {
    }

    /** Writes the file that is given. */
    public static void main(final String... arguments) throws IOException {
        final List<String> lines = new ArrayList<>(TOP.lines().toList());
        lines.addAll(attentions(CountedAttentions.all()));
        lines.addAll(MOVERS.lines().toList());
        lines.addAll(kernels(CountedKernels.all(), false));
        lines.addAll(ONCE.lines().toList());
        lines.addAll(kernels(CountedKernels.once(), false));
        lines.addAll(EARLIER.lines().toList());
        lines.addAll(kernels(CountedLadder.all(), true));
        Files.write(Path.of(arguments[0]), lines);
    }

    private static List<String> attentions(final List<CountedAttention> kernels) {
        final List<String> lines = new ArrayList<>(List.of(""));
        lines.addAll(CountedAttention.HEAD.lines().toList());
        kernels.forEach(kernel -> lines.add(kernel.line(kernel.count())));
        return lines;
    }

    private static List<String> kernels(final List<CountedKernel> kernels, final boolean earlier) {
        final List<String> lines = new ArrayList<>(List.of(""));
        lines.addAll(CountedKernel.HEAD.lines().toList());
        kernels.forEach(kernel -> lines.add(kernel.line((earlier ? kernel.launch().module() + ": " : "")
                + kernel.launch().entry(), kernel.count())));
        return lines;
    }
}
