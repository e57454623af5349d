package io.qwenimage.kernels;

/** The complementary error function in double precision. */
final class ErrorFunction {
    private static final int TERMS = 200;
    private static final double FRACTION_FROM = 2;

    private ErrorFunction() {
    }

    /** erfc(x): by its series near zero, by its continued fraction (Abramowitz and Stegun 7.1.14) further out. */
    static double complement(final double x) {
        if (x < 0) {
            return 2 - complement(-x);
        }
        return x < FRACTION_FROM ? 1 - series(x) : fraction(x);
    }

    private static double series(final double x) {
        double term = x;
        double sum = x;
        for (int n = 1; n < TERMS; n++) {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return sum * 2 / Math.sqrt(Math.PI);
    }

    private static double fraction(final double x) {
        double tail = 0;
        for (int n = TERMS; n > 0; n--) {
            tail = n / 2.0 / (x + tail);
        }
        return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
    }
}
