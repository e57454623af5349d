package io.qwenimage.pipeline;

/**
 * How to denoise.
 *
 * @param width        of the picture in pixels, rounded down to the model's multiple as the reference does; or
 *                     {@link #AUTOMATIC}
 * @param height       of the picture in pixels, or {@link #AUTOMATIC}
 * @param steps        number of inference steps
 * @param trueCfgScale guidance acts if this exceeds 1 and the bundle holds negative prompt embeddings
 * @param seed         of the noise: the same numbers as torch's CPU generator
 * @param strength     how far image-to-image goes from its picture, from 0 to 1, where 1 forgets it; nothing else looks
 *                     at it
 */
public record DenoiseRequest(int width, int height, int steps, double trueCfgScale, long seed,
        double strength) {
    /** {@code strength} of pipeline_qwenimage_img2img.py and pipeline_qwenimage_inpaint.py unless told otherwise. */
    public static final double DEFAULT_STRENGTH = 0.6;
    /** As a width or height: what follows from the pictures of an edit, else what the model recommends. */
    public static final int AUTOMATIC = Integer.MIN_VALUE;

    /** With the reference's strength. */
    public DenoiseRequest(final int width, final int height, final int steps, final double trueCfgScale,
            final long seed) {
        this(width, height, steps, trueCfgScale, seed, DEFAULT_STRENGTH);
    }
}
