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
 */
public record DenoiseRequest(int width, int height, int steps, double trueCfgScale, long seed) {
    /** As a width or height: what follows from the pictures of an edit, else what the model recommends. */
    public static final int AUTOMATIC = Integer.MIN_VALUE;
}
