package io.qwenimage.kernels;

/** The non-linearities that kernels apply, by the numbers that they have in {@code activation.cuh}. */
public enum Activation {
    /** x. */
    NONE,
    /** x sigmoid(x). */
    SILU,
    /** x Phi(x), with the error function. */
    GELU,
    /** 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
    GELU_TANH,
    /** x sigmoid(1.702 x). */
    QUICK_GELU;

    int number() {
        return ordinal();
    }
}
