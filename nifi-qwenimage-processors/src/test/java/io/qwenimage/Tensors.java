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
}
