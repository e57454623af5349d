package io.qwenimage.diffusion;

/**
 * Folds 2x2 patches of latents into tokens and back, as {@code QwenImagePipeline._pack_latents} and
 * {@code _unpack_latents} of diffusers do. Arrays are row-major; none is changed.
 */
public final class LatentPacking {
    private static final int PATCH = 2;

    private LatentPacking() {
    }

    /**
     * Packs latents: token (y, x) holds channel by channel the patch's four values, row by row.
     *
     * @param latents [channels, height, width]
     * @return [height/2 * width/2, channels * 4]
     * @throws IllegalArgumentException if height or width is odd or the values are not as many
     */
    public static float[] pack(final float[] latents, final int channels, final int height, final int width) {
        check(latents, channels, height, width);
        final float[] tokens = new float[latents.length];
        int from = 0;
        for (int c = 0; c < channels; c++) {
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    tokens[position(c, y, x, channels, width)] = latents[from++];
                }
            }
        }
        return tokens;
    }

    /**
     * Unpacks tokens, the inverse of {@link #pack}.
     *
     * @param tokens [height/2 * width/2, channels * 4]
     * @return [channels, height, width]
     * @throws IllegalArgumentException if height or width is odd or the values are not as many
     */
    public static float[] unpack(final float[] tokens, final int channels, final int height, final int width) {
        check(tokens, channels, height, width);
        final float[] latents = new float[tokens.length];
        int to = 0;
        for (int c = 0; c < channels; c++) {
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    latents[to++] = tokens[position(c, y, x, channels, width)];
                }
            }
        }
        return latents;
    }

    private static int position(final int c, final int y, final int x, final int channels, final int width) {
        final int token = y / PATCH * (width / PATCH) + x / PATCH;
        return ((token * channels + c) * PATCH + y % PATCH) * PATCH + x % PATCH;
    }

    private static void check(final float[] values, final int channels, final int height, final int width) {
        if (height % PATCH != 0 || width % PATCH != 0) {
            throw new IllegalArgumentException("latents of " + height + " x " + width
                    + " have no whole number of 2 x 2 patches; both extents must be even");
        }
        final long expected = (long) channels * height * width;
        if (values.length != expected) {
            throw new IllegalArgumentException("latents [" + channels + ", " + height + ", " + width + "] have "
                    + expected + " values, but " + values.length + " were given");
        }
    }
}
