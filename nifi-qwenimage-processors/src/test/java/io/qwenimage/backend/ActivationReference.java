package io.qwenimage.backend;

/** The non-linearities in float64. */
final class ActivationReference {
    private static final double CUBIC = 0.044715;

    private ActivationReference() {
    }

    /** The value of a non-linearity. */
    static double apply(final Activation activation, final double x) {
        return switch (activation) {
            case NONE -> x;
            case SILU -> x / (1 + Math.exp(-x));
            case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
            case GELU -> 0.5 * x * (1 + errorFunction(x / Math.sqrt(2)));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + CUBIC * x * x * x)));
        };
    }

    /** The power series near zero, a continued fraction beyond: Abramowitz and Stegun, 7.1.6 and 7.1.14. */
    private static double errorFunction(final double x) {
        final double magnitude = Math.abs(x);
        if (magnitude < 3) {
            double term = x;
            double sum = x;
            for (int n = 1; n < 100; n++) {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
        }
        double fraction = magnitude;
        for (int n = 60; n > 0; n--) {
            fraction = magnitude + n / 2.0 / fraction;
        }
        return Math.signum(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction);
    }
}
