package io.qwenimage.image;

/** Pictures as samples for an autoencoder, equal to {@code VaeImageProcessor} of diffusers in every bit. */
public final class VaePicture {
    private static final int CHANNELS = 3;
    /** ITU-R 601 luma in 16-bit fixed point, as Pillow converts RGB to grey. */
    private static final int RED_SHARE = 19595;
    private static final int GREEN_SHARE = 38470;
    private static final int BLUE_SHARE = 7471;
    private static final int HALF = 1 << 15;
    private static final int WHITE_FROM = 128;
    private static final int AREA_MULTIPLE = 32;

    private VaePicture() {
    }

    /**
     * A size whose sides are the next lower multiples of a number.
     *
     * @throws ImageException if a side is shorter than that number
     */
    public static ImageSize multipleOf(final ImageSize size, final int multiple) {
        if (size.width() < multiple || size.height() < multiple) {
            throw new ImageException("a picture of " + size + " pixels is too small for the autoencoder; accepted is "
                    + multiple + " x " + multiple + " and larger");
        }
        return new ImageSize(size.width() - size.width() % multiple, size.height() - size.height() % multiple);
    }

    /**
     * The size of a given area and of a picture's shape, with sides that are multiples of 32: what the edit pipelines of
     * diffusers bring pictures to ({@code calculate_dimensions} in pipeline_qwenimage_edit.py).
     *
     * @throws ImageException if the picture is so long that its breadth would vanish
     */
    public static ImageSize ofArea(final ImageSize picture, final long area) {
        final double ratio = (double) picture.width() / picture.height();
        final double width = Math.sqrt(area * ratio);
        final double height = width / ratio;
        final long wide = (long) Math.rint(width / AREA_MULTIPLE) * AREA_MULTIPLE;
        final long high = (long) Math.rint(height / AREA_MULTIPLE) * AREA_MULTIPLE;
        if (wide == 0 || high == 0) {
            throw new ImageException("a picture of " + picture + " pixels is too long for its breadth to be brought to "
                    + area + " pixels in all; crop it");
        }
        return new ImageSize(Math.toIntExact(wide), Math.toIntExact(high));
    }

    /**
     * Resizes a picture by {@link ResampleFilter#LANCZOS} and maps its samples from 0..255 to -1..1.
     *
     * @return [3, height, width], owned by the caller
     */
    public static float[] samples(final RgbImage image, final ImageSize size) {
        final byte[] rgb = Resampling.resize(image, size, ResampleFilter.LANCZOS).rgb();
        final int pixels = rgb.length / CHANNELS;
        final float[] samples = new float[rgb.length];
        for (int channel = 0; channel < CHANNELS; channel++) {
            for (int i = 0; i < pixels; i++) {
                samples[channel * pixels + i] = 2 * ((rgb[i * CHANNELS + channel] & 0xff) / 255f) - 1;
            }
        }
        return samples;
    }

    /**
     * Resizes a mask by {@link ResampleFilter#LANCZOS} and makes it black and white.
     *
     * @return [1, height, width] of 1 where the mask is at least half white (there it is painted anew) and 0 elsewhere,
     *         owned by the caller
     */
    public static float[] mask(final RgbImage image, final ImageSize size) {
        final byte[] rgb = Resampling.resize(image, size, ResampleFilter.LANCZOS).rgb();
        final float[] mask = new float[rgb.length / CHANNELS];
        for (int i = 0; i < mask.length; i++) {
            final int luma = (rgb[i * CHANNELS] & 0xff) * RED_SHARE + (rgb[i * CHANNELS + 1] & 0xff) * GREEN_SHARE
                    + (rgb[i * CHANNELS + 2] & 0xff) * BLUE_SHARE + HALF >> 16;
            mask[i] = luma >= WHITE_FROM ? 1 : 0;
        }
        return mask;
    }
}
