package io.qwenimage.backend;

/** Zeros around a picture before a convolution, in pixels. */
public record Padding(int top, int bottom, int left, int right) {
    /** No padding. */
    public static final Padding NONE = new Padding(0, 0, 0, 0);

    /** The same number of pixels on all four sides. */
    public static Padding of(final int pixels) {
        return new Padding(pixels, pixels, pixels, pixels);
    }
}
