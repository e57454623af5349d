package io.qwenimage.backend;

/** Pointwise non-linearities. */
public enum Activation {
    /** x. */
    NONE,
    /** x * sigmoid(x). */
    SILU,
    /** x Phi(x), with the error function: GELU as it was defined, arXiv 1606.08415. */
    GELU,
    /** 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), "gelu-approximate" in diffusers. */
    GELU_TANH,
    /** x * sigmoid(1.702 x), "quick_gelu" in transformers. */
    QUICK_GELU
}
