package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.ElementType;

/**
 * Holds a kernel's answer against exact arithmetic: no element may be further away than twice the largest error that
 * the plain composition, rounded to the type after every operation, has in the same row, plus a rounding to the type.
 * A number where the exact answer is none, and the reverse, fails as well.
 */
final class Conformance {
    private static final double SMALLEST = 1e-37;

    private Conformance() {
    }

    /** One rounding to a type, relative to the number. For F32 it allows for the device's approximate functions. */
    static double rounding(final ElementType type) {
        return switch (type) {
            case BF16 -> 0x1p-8;
            case F16 -> 0x1p-11;
            case F32 -> 0x1p-20;
            default -> throw new IllegalArgumentException("no rounding to " + type);
        };
    }

    /**
     * Judges.
     *
     * @param width    elements of a row
     * @param exact    by double arithmetic from the very operands of the kernel
     * @param composed by operations that are each rounded to the type
     */
    static void require(final String name, final ElementType type, final int width, final float[] actual,
            final double[] exact, final double[] composed) {
        if (actual.length != exact.length || exact.length != composed.length) {
            throw new AssertionError(name + ": " + actual.length + " elements, not " + exact.length);
        }
        // Below the normal numbers of half precision a rounding is a fixed step.
        final double step = type == ElementType.F16 ? 0x1p-24 : SMALLEST;
        for (int row = 0; row < exact.length; row += width) {
            final double allowed = 2 * largestError(exact, composed, row, width);
            for (int i = row; i < Math.min(row + width, exact.length); i++) {
                final double bound = allowed + rounding(type) * Math.abs(exact[i]) + step;
                final double expected = representable(exact[i], type);
                final boolean same = Double.isFinite(expected) ? Math.abs(actual[i] - exact[i]) <= bound
                        : Double.compare(actual[i], expected) == 0;
                if (!same) {
                    throw new AssertionError(name + ": element " + (i - row) + " of row " + row / width + " is "
                            + actual[i] + ", not " + exact[i] + " within " + bound);
                }
            }
        }
    }

    /** The same for operations whose plain form is one rounding. */
    static void require(final String name, final ElementType type, final int width, final float[] actual,
            final double[] exact) {
        require(name, type, width, actual, exact, exact);
    }

    /** Rounds as a plain composition does. */
    static double round(final double value, final ElementType type) {
        return KernelDevice.round((float) value, type);
    }

    private static double representable(final double value, final ElementType type) {
        return Double.isNaN(value) ? Double.NaN : Double.isInfinite(round(value, type)) ? round(value, type) : value;
    }

    private static double largestError(final double[] exact, final double[] composed, final int row, final int width) {
        double largest = 0;
        for (int i = row; i < Math.min(row + width, exact.length); i++) {
            final double error = Math.abs(composed[i] - exact[i]);
            largest = Double.isFinite(error) ? Math.max(largest, error) : largest;
        }
        return largest;
    }
}
