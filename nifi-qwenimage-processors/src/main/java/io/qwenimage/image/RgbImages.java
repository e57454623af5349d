package io.qwenimage.image;

import java.awt.image.BufferedImage;

/** Conversions of pictures. */
public final class RgbImages {
    private static final int CHANNELS = 3;

    private RgbImages() {
    }

    /**
     * Rounds a decoder's samples to 8 bits as {@code VaeImageProcessor} of diffusers does: x / 2 + 0.5, clamped to
     * 0..1, times 255, rounded half to even.
     *
     * @param samples [height, width, 3], nominally -1 to 1
     * @throws IllegalArgumentException if the samples are not as many, or one is not a number
     */
    public static RgbImage fromHeightWidthChannels(final float[] samples, final int height, final int width) {
        check(samples, height, width);
        final byte[] rgb = new byte[samples.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = quantise(samples, i);
        }
        return new RgbImage(width, height, rgb);
    }

    /**
     * The same for samples [3, height, width].
     *
     * @throws IllegalArgumentException if the samples are not as many, or one is not a number
     */
    public static RgbImage fromChannelsHeightWidth(final float[] samples, final int height, final int width) {
        check(samples, height, width);
        final int pixels = height * width;
        final byte[] rgb = new byte[samples.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = quantise(samples, i % CHANNELS * pixels + i / CHANNELS);
        }
        return new RgbImage(width, height, rgb);
    }

    /** A copy that the Java class library's encoders take. */
    static BufferedImage toBufferedImage(final RgbImage image) {
        final BufferedImage copy = new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
        final int[] row = new int[image.width()];
        int from = 0;
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < row.length; x++) {
                row[x] = (image.rgb()[from] & 0xff) << 16 | (image.rgb()[from + 1] & 0xff) << 8
                        | image.rgb()[from + 2] & 0xff;
                from += CHANNELS;
            }
            copy.setRGB(0, y, row.length, 1, row, 0, row.length);
        }
        return copy;
    }

    /** A copy of an opaque picture's colours, or of a transparent one's without its transparency. */
    static RgbImage fromBufferedImage(final BufferedImage image) {
        final byte[] rgb = new byte[image.getWidth() * image.getHeight() * CHANNELS];
        final int[] row = new int[image.getWidth()];
        int at = 0;
        for (int y = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, row.length, 1, row, 0, row.length);
            for (final int pixel : row) {
                rgb[at++] = (byte) (pixel >> 16);
                rgb[at++] = (byte) (pixel >> 8);
                rgb[at++] = (byte) pixel;
            }
        }
        return new RgbImage(image.getWidth(), image.getHeight(), rgb);
    }

    private static byte quantise(final float[] samples, final int index) {
        final float unit = samples[index] * 0.5f + 0.5f;
        if (Float.isNaN(unit)) {
            throw new IllegalArgumentException("sample " + index + " of the decoded picture is not a number; the "
                    + "weights are damaged or the guidance scale is beyond reason");
        }
        return (byte) (int) Math.rint(Math.min(1, Math.max(0, unit)) * 255);
    }

    private static void check(final float[] samples, final int height, final int width) {
        if (height <= 0 || width <= 0 || samples.length != (long) height * width * CHANNELS) {
            throw new IllegalArgumentException("a picture of " + height + " x " + width + " has not "
                    + samples.length + " samples");
        }
    }
}
