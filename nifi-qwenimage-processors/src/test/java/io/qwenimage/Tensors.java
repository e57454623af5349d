package io.qwenimage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.qwenimage.tensor.HostTensor;

/** Compares tensors with what the reference computed. */
public final class Tensors {
    private Tensors() {
    }

    /**
     * Fails unless every element differs by at most {@code relative} times the largest expected magnitude; names the
     * worst element.
     */
    public static void assertClose(final String name, final HostTensor expected, final HostTensor actual,
            final double relative) {
        assertEquals(expected.shape().elements(), actual.shape().elements(),
                name + ": expected " + expected.shape() + ", was " + actual.shape());
        final float[] wanted = expected.toFloats();
        final float[] found = actual.toFloats();
        double largest = 0;
        for (final float value : wanted) {
            largest = Math.max(largest, Math.abs(value));
        }
        final double allowed = relative * largest;
        int worst = -1;
        double worstDifference = allowed;
        for (int i = 0; i < wanted.length; i++) {
            final double difference = Math.abs((double) wanted[i] - found[i]);
            if (!(difference <= worstDifference)) {
                worst = i;
                worstDifference = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
            }
        }
        if (worst >= 0) {
            fail(name + " " + expected.shape() + ": element " + worst + " should be " + wanted[worst] + " but is "
                    + found[worst] + "; allowed is a difference of " + allowed);
        }
    }

    /**
     * Holds what was computed in fewer digits: the norm of all errors may be {@code relative} times the expected norm.
     * No element may be off by more than ten times as much of the largest magnitude: norms over few channels divide
     * pixels near zero by their own length, and so does every error of theirs grow.
     */
    public static void assertCloseInNorm(final String name, final HostTensor expected, final HostTensor actual,
            final double relative) {
        assertClose(name, expected, actual, 10 * relative);
        final float[] wanted = expected.toFloats();
        final float[] found = actual.toFloats();
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < wanted.length; i++) {
            errors += Math.pow((double) wanted[i] - found[i], 2);
            squares += Math.pow(wanted[i], 2);
        }
        final double error = Math.sqrt(errors / squares);
        if (!(error <= relative)) {
            fail(name + " " + expected.shape() + ": the norm of the errors is " + error + " of the expected norm; allowed is "
                    + relative);
        }
    }

    /** Holds a picture's samples, from -1 to 1, to a peak signal-to-noise ratio in decibels. */
    public static void assertPicture(final String name, final HostTensor expected, final HostTensor actual,
            final double psnr) {
        assertEquals(expected.shape().elements(), actual.shape().elements(), name);
        final float[] wanted = expected.toFloats();
        final float[] found = actual.toFloats();
        double squares = 0;
        for (int i = 0; i < wanted.length; i++) {
            squares += Math.pow((double) wanted[i] - found[i], 2);
        }
        final double ratio = 10 * Math.log10(4.0 * wanted.length / squares);
        if (!(ratio >= psnr)) {
            fail(name + " " + expected.shape() + ": " + ratio + " dB, wanted are " + psnr);
        }
    }
}
