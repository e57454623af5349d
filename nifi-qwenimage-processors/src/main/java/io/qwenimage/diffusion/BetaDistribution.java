package io.qwenimage.diffusion;

/**
 * Quantiles of a symmetric beta distribution, what {@code scipy.stats.beta.ppf(p, a, a)} returns. The distribution
 * function is the regularised incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8), and
 * its inverse is found by bisection.
 */
final class BetaDistribution {
    private static final int BISECTIONS = 1100;
    private static final int FRACTION_TERMS = 300;
    private static final double TINY = 1e-300;

    private final double a;
    /** Reciprocal of the complete beta function. */
    private final double scale;

    /**
     * A distribution.
     *
     * @param a both parameters, greater than 0
     */
    BetaDistribution(final double a) {
        this.a = a;
        // The distribution function is 1/2 at 1/2 by symmetry, which fixes the scale without a gamma function.
        this.scale = 0.5 / unscaled(0.5);
    }

    /** The x below which a part p of the distribution lies. */
    double quantile(final double p) {
        if (p > 0.5) {
            return 1 - quantile(1 - p);
        }
        double low = 0;
        double high = 0.5;
        for (int i = 0; i < BISECTIONS; i++) {
            final double middle = (low + high) / 2;
            if (middle == low || middle == high) {
                break;
            }
            if (scale * unscaled(middle) < p) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return p == 0 ? 0 : high;
    }

    /** The incomplete beta function at x up to 1/2. */
    private double unscaled(final double x) {
        return Math.pow(x, a) * Math.pow(1 - x, a) / (a * fraction(x));
    }

    /** The continued fraction 1 + d1 / (1 + d2 / (1 + ...)), by Lentz's method. */
    private double fraction(final double x) {
        double value = 1;
        double numerator = 1;
        double denominator = 0;
        for (int i = 1; i <= FRACTION_TERMS; i++) {
            final int m = i / 2;
            final double d = i % 2 == 0 ? m * (a - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                    : -(a + m) * (2 * a + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            denominator = 1 / nonZero(1 + d * denominator);
            numerator = nonZero(1 + d / numerator);
            final double factor = numerator * denominator;
            value *= factor;
            if (Math.abs(factor - 1) < Math.ulp(1.0)) {
                break;
            }
        }
        return value;
    }

    private static double nonZero(final double value) {
        return Math.abs(value) < TINY ? TINY : value;
    }
}
