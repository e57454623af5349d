package io.qwenimage.nn;

/**
 * The sinusoidal embedding of a denoising timestep, {@code get_timestep_embedding} of diffusers with 256 channels,
 * cosines first, no frequency shift and a scale of 1000.
 */
public final class TimestepSinusoid {
    /** Width of the embedding. */
    public static final int CHANNELS = 256;
    private static final int HALF = CHANNELS / 2;
    private static final float SCALE = 1000;
    private static final float NEGATIVE_LOG_PERIOD = (float) -Math.log(10000);

    private TimestepSinusoid() {
    }

    /**
     * Cosines, then sines.
     *
     * @param timestep sigma, from 1 (noise) to 0
     * @return {@value #CHANNELS} values, computed in single precision in the reference's order
     */
    public static float[] of(final float timestep) {
        final float[] embedding = new float[CHANNELS];
        for (int i = 0; i < HALF; i++) {
            final float frequency = (float) Math.exp(NEGATIVE_LOG_PERIOD * i / HALF);
            final float angle = SCALE * (timestep * frequency);
            embedding[i] = (float) Math.cos(angle);
            embedding[HALF + i] = (float) Math.sin(angle);
        }
        return embedding;
    }
}
