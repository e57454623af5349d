package io.qwenimage.kernels.benchmark;

import java.util.List;
import java.util.stream.Stream;

/** All cases of the benchmark; each family of kernels brings its own. */
final class BenchmarkTable {
    private BenchmarkTable() {
    }

    static List<BenchmarkCase> cases() {
        return Stream.<List<BenchmarkCase>>of(
                VectorAddBenchmark.cases(),
                HopperAttentionBenchmark.cases(),
                DenoiserBenchmark.cases(),
                DecoderBenchmark.cases(),
                LanguageBenchmark.cases()
        ).flatMap(List::stream).toList();
    }
}
