package io.qwenimage.diffusion;

/**
 * The sinusoidal embedding of a timestep that Qwen-Image's transformer starts from: cosines, then sines, of 1000 t
 * over geometric frequencies. {@code Timesteps(256, flip_sin_to_cos=True, downscale_freq_shift=0, scale=1000)} of
 * diffusers ({@code models/embeddings.py}), computed in F32 as there.
 * Frequencies are correctly rounded here while torch's differ in the last bit now and then, which shows as up to 3e-5
 * where the angle is near 1000.
 */
public final class TimestepSinusoid {
    /** Length of an embedding, fixed by the architecture. */
    public static final int CHANNELS = 256;

    private static final int HALF = CHANNELS / 2;
    private static final float SCALE = 1000;
    private static final double MAXIMUM_PERIOD = 10000;

    private TimestepSinusoid() {
    }

    /**
     * Embeds a timestep: element i is cos(1000 t f_i) and element i + 128 sin(1000 t f_i), f_i = 10000^(-i/128).
     *
     * @param timestep what the transformer is given: the schedule's timestep divided by 1000
     * @return [256]
     */
    public static float[] embed(final float timestep) {
        final float[] embedding = new float[CHANNELS];
        final float minusLogarithm = (float) -Math.log(MAXIMUM_PERIOD);
        for (int i = 0; i < HALF; i++) {
            final float frequency = (float) Math.exp(minusLogarithm * i / HALF);
            final float angle = SCALE * (timestep * frequency);
            embedding[i] = (float) Math.cos(angle);
            embedding[i + HALF] = (float) Math.sin(angle);
        }
        return embedding;
    }
}
