package io.qwenimage.cli;

import io.qwenimage.backend.cpu.CpuOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * What to measure.
 *
 * @param folder  a model folder of the real width with {@code bench/NAME.safetensors} beside the components, as
 *                {@code bench_torch.py --save} writes it
 * @param device  how the backend is opened
 * @param jobs    names of {@link Bench#JOBS}
 * @param repeats timed runs of each job at most, after one that is not counted
 * @param seconds no further repeat begins after this long
 */
public record BenchOptions(Path folder, CpuOptions device, List<String> jobs, int repeats, double seconds) {
    private static final int REPEATS = 9;
    private static final double SECONDS = 30;

    /** Checks the names. */
    public BenchOptions {
        Objects.requireNonNull(folder);
        Objects.requireNonNull(device);
        jobs = List.copyOf(jobs);
        for (final String job : jobs) {
            if (!Bench.JOBS.contains(job)) {
                throw new IllegalArgumentException("job " + job + " is unknown; known are " + Bench.JOBS);
            }
        }
        if (repeats < 1) {
            throw new IllegalArgumentException("at least 1 repeat is needed, got " + repeats);
        }
    }

    /** All jobs on the CPU. */
    public static BenchOptions defaults(final Path folder) {
        return new BenchOptions(folder, CpuOptions.defaults(), Bench.JOBS, REPEATS, SECONDS);
    }
}
