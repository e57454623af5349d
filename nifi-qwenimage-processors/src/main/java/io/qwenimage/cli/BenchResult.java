package io.qwenimage.cli;

import java.util.List;
import java.util.Locale;

/**
 * One measured job.
 *
 * @param job          its name
 * @param seconds      all timed runs
 * @param operations   floating-point operations of products, convolutions and attention in one run
 * @param error        largest deviation from the reference, relative to the largest reference value
 * @param loadSeconds  for reading and preparing the weights
 * @param weightBytes  memory that prepared weights take
 * @param storedBytes  what the same weights take in their file
 */
public record BenchResult(String job, List<Double> seconds, double operations, double error, double loadSeconds,
        long weightBytes, long storedBytes) {
    private static final double GIGA = 1e9;
    private static final double MEBI = 1 << 20;

    /** The median of the timed runs. */
    public double median() {
        final List<Double> sorted = seconds.stream().sorted().toList();
        final int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    /** Operations in a second, in units of 10^9. */
    public double gigaOperationsPerSecond() {
        return operations / median() / GIGA;
    }

    /** A line for people. */
    public String describe() {
        return String.format(Locale.ROOT, "%-13s median %.4f s of %d (least %.4f), %.0f GFLOP/s, error %.1e, weights "
                + "%.0f MiB (%.2f of their file) loaded in %.2f s", job, median(), seconds.size(),
                seconds.stream().mapToDouble(Double::doubleValue).min().orElseThrow(), gigaOperationsPerSecond(),
                error, weightBytes / MEBI, storedBytes == 0 ? 1 : (double) weightBytes / storedBytes, loadSeconds);
    }
}
