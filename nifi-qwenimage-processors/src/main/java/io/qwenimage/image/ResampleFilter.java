package io.qwenimage.image;

import java.util.function.DoubleUnaryOperator;

/** The filters of Pillow's {@code resize} that average over an area. */
public enum ResampleFilter {
    /** A tent over two pixels. */
    BILINEAR(1, x -> 1 - Math.abs(x)),
    /** Keys' cubic with a = -0.5 over four pixels. */
    BICUBIC(2, ResampleFilter::cubic),
    /** A sinc windowed by a wider sinc, over six pixels. */
    LANCZOS(3, x -> sinc(x) * sinc(x / 3));

    private static final double CUBIC_SHARPNESS = -0.5;

    private final double support;
    private final DoubleUnaryOperator kernel;

    ResampleFilter(final double support, final DoubleUnaryOperator kernel) {
        this.support = support;
        this.kernel = kernel;
    }

    /** The distance from the centre, in source pixels of an enlargement, beyond which weights are zero. */
    public double support() {
        return support;
    }

    /** The weight, not normalised, at a distance from the centre. */
    double weight(final double distance) {
        return Math.abs(distance) < support ? kernel.applyAsDouble(distance) : 0;
    }

    // Horner's form in the order of Pillow's Resample.c, so that the last bit agrees.
    private static double cubic(final double distance) {
        final double a = CUBIC_SHARPNESS;
        final double x = Math.abs(distance);
        return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : (((x - 5) * x + 8) * x - 4) * a;
    }

    private static double sinc(final double x) {
        return x == 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
    }
}
