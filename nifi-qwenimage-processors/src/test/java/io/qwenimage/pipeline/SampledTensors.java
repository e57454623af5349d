package io.qwenimage.pipeline;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.SafetensorsFile;

/** What a golden expects of a tensor: all of it, or under {@code NAME.every.N} each n-th of its rows. */
record SampledTensors(SafetensorsFile file) {
    private static final String EVERY = ".every.";

    /** Whether anything is expected. */
    boolean has(final String name) {
        return file.names().stream().anyMatch(stored -> stored.equals(name) || stored.startsWith(name + EVERY));
    }

    /**
     * Compares what is expected with the same rows of what came.
     *
     * @param actual [rows, width]
     */
    Comparison compare(final String name, final HostTensor actual, final double tolerance) {
        final HostTensor expected = file.tensor(stored(name));
        return Comparison.of(name, expected, HostTensor.ofFloats(expected.shape(),
                rows(actual.toFloats(), expected.shape(), step(name))), tolerance);
    }

    /** Every n-th row, as many numbers each as expected rows have. */
    float[] rows(final float[] all, final Shape expected, final int step) {
        final int width = expected.intExtent(-1);
        final int rows = (all.length / width + step - 1) / step;
        final float[] sampled = new float[rows * width];
        for (int row = 0; row < rows; row++) {
            System.arraycopy(all, row * step * width, sampled, row * width, width);
        }
        return sampled;
    }

    /** The expected tensor. */
    HostTensor expected(final String name) {
        return file.tensor(stored(name));
    }

    /** Which rows are kept: 1 for all. */
    int step(final String name) {
        final String stored = stored(name);
        return stored.equals(name) ? 1 : Integer.parseInt(stored.substring(name.length() + EVERY.length()));
    }

    private String stored(final String name) {
        return file.names().stream().filter(stored -> stored.equals(name) || stored.startsWith(name + EVERY))
                .findFirst().orElseThrow(() -> new AssertionError("nothing is expected of " + name));
    }
}
