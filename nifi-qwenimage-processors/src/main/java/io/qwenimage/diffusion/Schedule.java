package io.qwenimage.diffusion;

import java.util.Arrays;

/**
 * The points at which a picture is denoised. Immutable.
 */
public final class Schedule {
    /** The reference divides timesteps by this before the transformer sees them, whatever the scheduler's count is. */
    private static final float TIMESTEP_UNIT = 1000;

    private final float[] timesteps;
    private final float[] sigmas;

    /**
     * A schedule.
     *
     * @param timesteps [steps]; not copied
     * @param sigmas    [steps + 1], the noise levels before every step and after the last; not copied
     */
    Schedule(final float[] timesteps, final float[] sigmas) {
        this.timesteps = timesteps;
        this.sigmas = sigmas;
    }

    /** Number of steps. */
    public int steps() {
        return timesteps.length;
    }

    /** Noise level before a step; {@code sigma(steps())} is the one after the last. */
    public float sigma(final int step) {
        return sigmas[step];
    }

    /** {@code scheduler.timesteps[step]} of the reference. */
    public float timestep(final int step) {
        return timesteps[step];
    }

    /** What the transformer is given as its timestep: {@link #timestep} / 1000. */
    public float modelTime(final int step) {
        return timesteps[step] / TIMESTEP_UNIT;
    }

    /** Length of a step on the noise axis, negative while noise shrinks: the next sigma minus this one. */
    public float delta(final int step) {
        return sigmas[step + 1] - sigmas[step];
    }

    @Override
    public String toString() {
        return "sigmas " + Arrays.toString(sigmas);
    }
}
