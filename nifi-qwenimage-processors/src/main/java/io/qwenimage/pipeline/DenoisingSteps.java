package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.diffusion.Schedule;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.BlockObserver;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.StepModulation;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.TextContext;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** The steps of one request. What they read of the schedule is on the device before the first of them. */
final class DenoisingSteps implements AutoCloseable {
    private final Backend backend;
    private final QwenImageTransformer2DModel model;
    private final Guidance guidance;
    private final Cancellation cancellation;
    private final StepModulations modulations;
    private final Tensor deltas;
    private final Repetition repetition;
    private TextContext together;

    /**
     * What every step is guided by.
     *
     * @param references    packed, each [T, 4 c]
     * @param unconditional null for no guidance
     */
    record Guidance(List<Tensor> references, TextContext conditional, TextContext unconditional, float trueCfgScale) {
    }

    /**
     * Prepares the steps.
     *
     * @param arena outlives them
     * @param first the first step that is going to run
     */
    DenoisingSteps(final Backend backend, final QwenImageTransformer2DModel model, final Arena arena,
            final Guidance guidance, final Schedule schedule, final int first, final Cancellation cancellation) {
        this.backend = backend;
        this.model = model;
        this.guidance = guidance;
        this.cancellation = cancellation;
        final float[] modelTimes = new float[schedule.steps()];
        final float[] differences = new float[schedule.steps()];
        for (int step = 0; step < modelTimes.length; step++) {
            modelTimes[step] = schedule.modelTime(step);
            differences[step] = schedule.delta(step);
        }
        modulations = new StepModulations(backend, model, arena, modelTimes, first, guidance.conditional().cleanTime(),
                cancellation);
        deltas = backend.uploadExact(arena, HostTensor.ofFloats(Shape.of(differences.length), differences));
        together = together(arena);
        repetition = backend.repeat(this::step);
    }

    /** Both prompts as one batch, or null where there is one only, nothing to gain, or no memory for it. */
    private TextContext together(final Arena arena) {
        if (guidance.unconditional() == null || !backend.gainsFromBatches()) {
            return null;
        }
        // By the tokens of both, before anything is made of them that would stay although it is not used.
        final long activations = model.activationBytes(guidance.conditional())
                + model.activationBytes(guidance.unconditional());
        return activations < backend.memory().free()
                ? guidance.conditional().then(backend, arena, guidance.unconditional()) : null;
    }

    /** Latents after a step, [T, 4 c]. */
    Tensor run(final Arena arena, final Tensor latents, final int step) {
        final Tensor time = modulations.at(step);
        final Tensor delta = backend.slice(deltas, step, Shape.of(1));
        try {
            return repetition.run(arena, latents, time, delta);
        } catch (final ResourceExhaustedException e) {
            if (together == null) {
                throw e;
            }
            together = null;
            return repetition.run(arena, latents, time, delta);
        }
    }

    private Tensor step(final Arena arena, final Tensor... inputs) {
        try (Arena scratch = arena.open("denoising step")) {
            final Tensor latents = inputs[0];
            final Tensor pictures = withReferences(scratch, latents); // [L_image, 4 c]
            final Tensor positive;
            final Tensor negative;
            if (together != null) {
                final Tensor both = forward(scratch, backend.concat(scratch, pictures, pictures), inputs[1], together);
                positive = backend.slice(both, 0, latents.shape());
                negative = backend.slice(both, latents.shape().elements(), latents.shape());
            } else {
                positive = forward(scratch, pictures, inputs[1], guidance.conditional());
                negative = guidance.unconditional() == null ? null
                        : forward(scratch, pictures, inputs[1], guidance.unconditional());
            }
            return scratch.keep(backend.guidanceStep(scratch, latents, positive, negative, guidance.trueCfgScale(),
                    inputs[2]));
        }
    }

    private Tensor forward(final Arena arena, final Tensor pictures, final Tensor time, final TextContext context) {
        return model.forward(arena, pictures, new StepModulation(time, modulations.clean()), context, cancellation,
                BlockObserver.NONE);
    }

    private Tensor withReferences(final Arena arena, final Tensor latents) {
        if (guidance.references().isEmpty()) {
            return latents;
        }
        final List<Tensor> all = new ArrayList<>(List.of(latents));
        all.addAll(guidance.references());
        return backend.concat(arena, all.toArray(new Tensor[0]));
    }

    @Override
    public void close() {
        repetition.close();
    }
}
