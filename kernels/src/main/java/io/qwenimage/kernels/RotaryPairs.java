package io.qwenimage.kernels;

/** Which two elements of a head are rotated together, by the numbers that they have in {@code rope.cu}. */
public enum RotaryPairs {
    /** Elements 2i and 2i+1: the complex form of diffusers. */
    NEIGHBOURS,
    /** Elements i and i + D/2: {@code rotate_half} of transformers. */
    HALVES;

    int number() {
        return ordinal();
    }
}
