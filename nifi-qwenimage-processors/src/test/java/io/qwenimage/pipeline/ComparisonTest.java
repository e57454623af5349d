package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static final HostTensor EXPECTED = HostTensor.ofFloats(Shape.of(2, 2), 1, -4, 2, 0);

    @Test
    void errorsWithinTheToleranceOfTheLargestMagnitudePass() {
        assertTrue(Comparison.of("x", EXPECTED, tensor(1, -4, 2, 0.0039f), 1e-3).passed());
    }

    @Test
    void theFirstElementOutOfBoundsIsNamedWithBothValues() {
        final Comparison comparison = Comparison.of("x", EXPECTED, tensor(1, -4, 2.5f, 9), 1e-3);

        assertFalse(comparison.passed());
        assertTrue(comparison.description().contains("2 of 4 elements, the first at 2 of [2, 2]: expected 2.0, was 2.5"),
                comparison.description());
    }

    @Test
    void manySmallErrorsFailByTheirNorm() {
        // Each is within the bound of the largest magnitude, 0.1, but together they are 12 % of the whole.
        assertFalse(Comparison.of("x", EXPECTED, tensor(1.39f, -3.61f, 2.39f, 0.39f), 0.1).passed());
    }

    @Test
    void whatIsNoNumberFails() {
        assertFalse(Comparison.of("x", EXPECTED, tensor(1, Float.NaN, 2, 0), 1e9).passed());
        assertFalse(Comparison.of("x", EXPECTED, tensor(1, Float.POSITIVE_INFINITY, 2, 0), 1e9).passed());
    }

    @Test
    void anotherShapeFails() {
        assertFalse(Comparison.of("x", EXPECTED, HostTensor.ofFloats(Shape.of(4), 1, -4, 2, 0), 1).passed());
    }

    @Test
    void picturesAreHeldToTheirWorstSample() {
        final HostTensor expected = HostTensor.ofFloats(Shape.of(1, 2, 3), 0, 0.5f, 1, 0, 0.25f, 0.75f);
        final byte[] samples = {0, (byte) 128, (byte) 255, 0, 64, (byte) 191};

        assertTrue(Comparison.ofPictures(expected, new RgbImage(2, 1, samples), 50, 0).passed());
        samples[4] += 3;
        assertFalse(Comparison.ofPictures(expected, new RgbImage(2, 1, samples), 20, 2).passed());
        assertFalse(Comparison.ofPictures(expected, new RgbImage(2, 1, samples), 60, 3).passed());
        assertFalse(Comparison.ofPictures(expected, new RgbImage(1, 2, samples), 20, 3).passed());
    }

    private static HostTensor tensor(final float... values) {
        return HostTensor.ofFloats(Shape.of(2, 2), values);
    }
}
