package io.qwenimage.backend;

/** Pointwise non-linearities. */
public enum Activation {
    /** x. */
    NONE,
    /** x * sigmoid(x). */
    SILU,
    /** 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), "gelu-approximate" in diffusers. */
    GELU_TANH
}
