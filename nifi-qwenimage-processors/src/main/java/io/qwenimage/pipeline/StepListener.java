package io.qwenimage.pipeline;

import io.qwenimage.tensor.HostTensor;

/** Hears of every denoising step. */
@FunctionalInterface
public interface StepListener {
    /** Hears nothing. */
    StepListener NONE = (step, steps, latents) -> { };

    /**
     * Called after a step, on the thread that denoises.
     *
     * @param step    index of the step just done, from 0
     * @param steps   how many there are
     * @param latents [channels, h/8, w/8] after the step, F32
     */
    void onStep(int step, int steps, HostTensor latents);
}
