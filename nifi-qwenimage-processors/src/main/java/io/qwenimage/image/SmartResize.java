package io.qwenimage.image;

/**
 * The size at which a vision tower of the Qwen family sees a picture: both sides multiples of a factor, the area within
 * bounds, the shape kept as nearly as that allows. Equal to {@code smart_resize} of transformers
 * (image_processing_qwen2_vl.py), rounding half to even included.
 */
public final class SmartResize {
    /** The most that one side may be longer than the other. */
    public static final int MAXIMUM_ASPECT_RATIO = 200;

    private SmartResize() {
    }

    /**
     * The size that a picture is resized to.
     *
     * @param factor        what both sides are multiples of: patch size times merge size
     * @param minimumPixels smallest area
     * @param maximumPixels largest area; a long thin picture may exceed it, since no side falls below the factor
     * @throws ImageException if one side is more than {@value #MAXIMUM_ASPECT_RATIO} times as long as the other
     */
    public static ImageSize of(final ImageSize size, final int factor, final long minimumPixels,
            final long maximumPixels) {
        if (factor <= 0 || minimumPixels <= 0 || maximumPixels < minimumPixels) {
            throw new IllegalArgumentException("factor " + factor + ", " + minimumPixels + " to " + maximumPixels
                    + " pixels; accepted are positive numbers in this order");
        }
        final double ratio = (double) Math.max(size.width(), size.height()) / Math.min(size.width(), size.height());
        if (ratio > MAXIMUM_ASPECT_RATIO) {
            throw new ImageException("a picture of " + size + " pixels is longer than " + MAXIMUM_ASPECT_RATIO
                    + " times its breadth, which the vision tower cannot see; crop it");
        }
        final long height = rounded(size.height(), factor);
        final long width = rounded(size.width(), factor);
        if (height * width > maximumPixels) {
            final double beta = Math.sqrt((double) size.pixels() / maximumPixels);
            return new ImageSize(shrunk(size.width(), beta, factor), shrunk(size.height(), beta, factor));
        }
        if (height * width < minimumPixels) {
            final double beta = Math.sqrt((double) minimumPixels / size.pixels());
            return new ImageSize(enlarged(size.width(), beta, factor), enlarged(size.height(), beta, factor));
        }
        return new ImageSize((int) width, (int) height);
    }

    private static long rounded(final int length, final int factor) {
        return (long) Math.rint((double) length / factor) * factor;
    }

    private static int shrunk(final int length, final double beta, final int factor) {
        return Math.max(factor, Math.multiplyExact((int) Math.floor(length / beta / factor), factor));
    }

    private static int enlarged(final int length, final double beta, final int factor) {
        return Math.multiplyExact((int) Math.ceil(length * beta / factor), factor);
    }
}
