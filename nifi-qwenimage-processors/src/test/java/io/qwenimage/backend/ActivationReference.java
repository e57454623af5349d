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
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + CUBIC * x * x * x)));
        };
    }
}
