package io.qwenimage.backend;

import io.qwenimage.tensor.Tensor;

/**
 * Cosines and sines of rotary position embedding, one row per token.
 *
 * @param cosine [L, D/2], F32
 * @param sine   [L, D/2], F32
 * @param pairs  which elements of a head are rotated together
 */
public record RotaryTable(Tensor cosine, Tensor sine, Pairs pairs) {
    /** Which two elements of a head form a complex number. */
    public enum Pairs {
        /** Elements 2i and 2i+1: the complex form of diffusers' {@code apply_rotary_emb_qwen}. */
        NEIGHBOURS,
        /** Elements i and i + D/2: the {@code rotate_half} form of transformers. */
        HALVES
    }
}
