package io.qwenimage.backend;

/** What a weight is used for, so that a backend may keep it in the layout that its libraries like best. */
public enum WeightRole {
    /** The matrix of {@link Backend#linear}: [out, in]. */
    LINEAR,
    /** The kernel of {@link Backend#convolution}: [out, in, height, width], as stored by PyTorch. */
    CONVOLUTION,
    /** The table of {@link Backend#embedding}: [entries, width]. */
    EMBEDDING,
    /** A bias, a norm's scale: small, used in full precision. */
    VECTOR
}
