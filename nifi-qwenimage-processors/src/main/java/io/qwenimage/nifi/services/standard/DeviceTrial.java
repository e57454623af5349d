package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;

/** A small layer on a device, compared with what plain Java computes: normalised rows times a matrix. */
final class DeviceTrial {
    private static final int ROWS = 16;
    private static final int IN = 64;
    private static final int OUT = 32;
    private static final float EPSILON = 1e-6f;
    /** Of the largest result; BF16 keeps eight bits of each number. */
    private static final double TOLERANCE = 2e-2;

    private DeviceTrial() {
    }

    /**
     * Runs it.
     *
     * @return what was done, in words
     * @throws IllegalStateException if the device computes something else
     */
    static String run(final Backend backend) {
        final float[] x = numbers(ROWS * IN, 37);
        final float[] weight = numbers(OUT * IN, 53);
        final double[] expected = expected(x, weight);
        final float[] actual = actual(backend, x, weight);
        double largest = 0;
        double worst = 0;
        for (int index = 0; index < expected.length; index++) {
            largest = Math.max(largest, Math.abs(expected[index]));
            worst = Math.max(worst, Math.abs(expected[index] - actual[index]));
        }
        final double error = worst / largest;
        if (!(error <= TOLERANCE)) {
            throw new IllegalStateException(backend.describe() + " computed a small layer wrongly: it is off by "
                    + error + " of its largest number; the device or its driver is at fault");
        }
        return backend.describe() + "; it normalised " + ROWS + " rows of " + IN + " and multiplied them with a "
                + "matrix, off by at most " + String.format(Locale.ROOT, "%.1e", error) + " of the largest number";
    }

    private static float[] actual(final Backend backend, final float[] x, final float[] weight) {
        try (Arena arena = backend.openArena("trial")) {
            final Tensor ones = backend.weight(arena, HostTensor.ofFloats(Shape.of(IN), filled(IN)), WeightRole.VECTOR);
            final Tensor matrix = backend.weight(arena, HostTensor.ofFloats(Shape.of(OUT, IN), weight),
                    WeightRole.LINEAR);
            final Tensor rows = backend.rmsNorm(arena,
                    backend.upload(arena, HostTensor.ofFloats(Shape.of(ROWS, IN), x)), ones, EPSILON);
            return backend.download(backend.linear(arena, rows, matrix, null, Activation.NONE, null)).toFloats();
        }
    }

    private static double[] expected(final float[] x, final float[] weight) {
        final double[] result = new double[ROWS * OUT];
        for (int row = 0; row < ROWS; row++) {
            double squares = 0;
            for (int i = 0; i < IN; i++) {
                squares += (double) x[row * IN + i] * x[row * IN + i];
            }
            final double scale = 1 / Math.sqrt(squares / IN + EPSILON);
            for (int out = 0; out < OUT; out++) {
                for (int i = 0; i < IN; i++) {
                    result[row * OUT + out] += scale * x[row * IN + i] * weight[out * IN + i];
                }
            }
        }
        return result;
    }

    /** Multiples of 1/64 between -1 and 1, which BF16 holds exactly. */
    private static float[] numbers(final int count, final int stride) {
        final float[] numbers = new float[count];
        for (int index = 0; index < count; index++) {
            numbers[index] = (index * stride % 127 - 63) / 64f;
        }
        return numbers;
    }

    private static float[] filled(final int count) {
        final float[] ones = new float[count];
        Arrays.fill(ones, 1);
        return ones;
    }
}
