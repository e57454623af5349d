package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.diffusion.FlowMatchEulerDiscreteScheduler;
import io.qwenimage.diffusion.LatentPacking;
import io.qwenimage.diffusion.Schedule;
import io.qwenimage.diffusion.TorchGenerator;
import io.qwenimage.model.qwenimage.PatchGrid;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.TextContext;
import io.qwenimage.pipeline.DenoisingSteps.Guidance;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.ArrayList;
import java.util.List;

/** From noise to latents, {@code QwenImagePipeline.__call__} of diffusers from its step 4 on. */
final class Denoising implements Stage {
    private final Backend backend;
    private final FlowMatchEulerDiscreteScheduler scheduler;
    private final DenoiserWeights weights;
    private final LoadedComponent<QwenImageTransformer2DModel> transformer;

    Denoising(final ModelFolder folder, final ComponentStore store, final Cancellation cancellation) {
        backend = store.backend();
        scheduler = FlowMatchEulerDiscreteScheduler.read(folder.config(ModelFolder.SCHEDULER));
        final QwenImageConfig config = QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER));
        weights = weights(folder, config.numLayers(), backend);
        transformer = store.load(folder.component(ModelFolder.TRANSFORMER), QwenImageTransformer2DModel.class,
                WeightScope::of,
                scope -> new QwenImageTransformer2DModel(scope, config, residency(folder, store, config)),
                cancellation);
    }

    private static DenoiserWeights weights(final ModelFolder folder, final int blocks, final Backend backend) {
        try (WeightSource source = folder.weights(ModelFolder.TRANSFORMER)) {
            return DenoiserWeights.of(source, blocks, backend);
        }
    }

    /** All weights stay where they fit, and where the device computes on them as they lie in their file. */
    private QwenImageResidency residency(final ModelFolder folder, final ComponentStore store,
            final QwenImageConfig config) {
        return backend.streamsLayers() ? DeviceRoom.of(store, folder).residency(weights)
                : QwenImageResidency.resident(config);
    }

    /** Which of the denoiser's weights are streamed, in words; empty if all stay on the device. */
    String residency() {
        return weights.describe(transformer.model().residency());
    }

    /**
     * Makes latents.
     *
     * @param prompt   [n, d]
     * @param negative [m, d], or null for no guidance
     * @param references what an edit begins with, each [c, h, w]; none for text to image
     * @param start    what image-to-image begins with, null for noise alone
     * @param grid     patches of the picture
     * @return [c, h, w], F32
     */
    HostTensor denoise(final HostTensor prompt, final HostTensor negative, final List<HostTensor> references,
            final StartPicture start, final PatchGrid grid, final DenoiseRequest request, final StepListener listener,
            final Cancellation cancellation) {
        final Schedule schedule = schedule(request.steps(), grid.tokens());
        try (Arena arena = backend.openArena("denoising")) {
            final Guidance guidance = guidance(arena, prompt, negative, references, grid,
                    (float) request.trueCfgScale());
            Arena current = arena.open("noise");
            final int first = start == null ? 0 : skipped(schedule.steps(), request.strength());
            final Beginning beginning = beginning(start, grid, request.seed());
            HostTensor packed = beginning.at(schedule.sigma(first));
            Tensor latents = backend.uploadExact(current, packed); // [T, 4 c]
            try (DenoisingSteps steps = new DenoisingSteps(backend, transformer.model(), arena, guidance, schedule,
                    first, cancellation)) {
                for (int step = first; step < schedule.steps(); step++) {
                    cancellation.check();
                    final Arena next = arena.open("latents after step " + step);
                    latents = steps.run(next, latents, step);
                    current.close();
                    current = next;
                    packed = finite(backend.download(latents), step, schedule.steps());
                    if (beginning.mask() != null) {
                        packed = beginning.kept(packed, schedule.sigma(step + 1));
                        latents = backend.uploadExact(current, packed);
                    }
                    listener.onStep(step - first, schedule.steps() - first, unpacked(packed, grid));
                }
            }
            return unpacked(packed, grid);
        } catch (final ResourceExhaustedException e) {
            throw residency().isEmpty() ? e : withRemedy(e);
        }
    }

    /** Weights were placed with a size in mind; another size is a reason to place them otherwise. */
    private ResourceExhaustedException withRemedy(final ResourceExhaustedException fault) {
        return new ResourceExhaustedException(fault.getMessage() + ". " + residency() + "; that leaves room for the "
                + "size that the model folder recommends: for larger pictures recommend their size in "
                + "qwenimage.json, so that more is streamed, or give the device a larger memory budget; either takes "
                + "effect when the model is loaded anew", fault);
    }

    /** The schedule, or the request's fault: not every number of steps goes with every scheduler. */
    private Schedule schedule(final int steps, final int tokens) {
        try {
            return scheduler.schedule(steps, tokens);
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        transformer.close();
    }

    private Guidance guidance(final Arena arena, final HostTensor prompt, final HostTensor negative,
            final List<HostTensor> references, final PatchGrid grid, final float trueCfgScale) {
        final List<Tensor> packed = new ArrayList<>();
        final List<PatchGrid> grids = new ArrayList<>(List.of(grid));
        for (final HostTensor reference : references) {
            grids.add(grid("image_latents." + packed.size(), reference));
            packed.add(backend.uploadExact(arena, PackedLatents.of(reference)));
        }
        return new Guidance(packed, context(arena, "prompt_embeds", prompt, grids),
                negative == null ? null : context(arena, "negative_prompt_embeds", negative, grids), trueCfgScale);
    }

    private TextContext context(final Arena arena, final String name, final HostTensor embeddings,
            final List<PatchGrid> grids) {
        checkEmbeddings(name, embeddings);
        return transformer.model().textContext(arena, backend.upload(arena, embeddings),
                grids.toArray(new PatchGrid[0]));
    }

    /**
     * What denoising begins with: noise, or a picture under noise.
     *
     * @param noise   [T, 4 c]
     * @param picture the same, or null
     * @param mask    1 where the picture is painted anew, 0 elsewhere; null for everywhere
     */
    private record Beginning(HostTensor noise, float[] picture, float[] mask) {
        /** The picture under as much noise as there is at a level; the whole noise without a picture. */
        HostTensor at(final float sigma) {
            if (picture == null) {
                return noise;
            }
            final float[] mixed = noise.toFloats();
            for (int i = 0; i < mixed.length; i++) {
                mixed[i] = sigma * mixed[i] + (1 - sigma) * picture[i];
            }
            return HostTensor.ofFloats(noise.shape(), mixed);
        }

        /** Latents outside the mask are the picture's again, under the noise of that level. */
        HostTensor kept(final HostTensor latents, final float sigma) {
            final float[] mixed = at(sigma).toFloats();
            final float[] painted = latents.toFloats();
            for (int i = 0; i < mixed.length; i++) {
                mixed[i] = (1 - mask[i]) * mixed[i] + mask[i] * painted[i];
            }
            return HostTensor.ofFloats(latents.shape(), mixed);
        }
    }

    /**
     * Noise is drawn in the order [1, 1, c, h, w] and packed afterwards, as the reference does; where there is a
     * picture, its latents are drawn before.
     */
    private Beginning beginning(final StartPicture start, final PatchGrid grid, final long seed) {
        final TorchGenerator generator = new TorchGenerator(seed);
        final float[] picture = start == null ? null : PackedLatents.of(start.draw(generator)).toFloats();
        final Shape shape = Shape.of(latentChannels(), 2L * grid.rows(), 2L * grid.columns());
        final float[] drawn = generator.normal(Math.toIntExact(shape.elements()));
        return new Beginning(PackedLatents.of(HostTensor.ofFloats(shape, drawn)), picture,
                start == null ? null : start.packedMask());
    }

    /** How many steps image-to-image leaves out, {@code get_timesteps} of pipeline_qwenimage_img2img.py. */
    private static int skipped(final int steps, final double strength) {
        final int skipped = (int) Math.max(steps - Math.min(steps * strength, steps), 0);
        if (skipped >= steps) {
            throw new DataException("the strength is " + strength + ", which leaves none of " + steps
                    + " steps; raise the strength or the number of steps");
        }
        return skipped;
    }

    /** The patches of latents from a bundle. */
    private PatchGrid grid(final String name, final HostTensor latents) {
        final Shape shape = latents.shape();
        if (shape.rank() != 3 || shape.extent(0) != latentChannels() || shape.elements() == 0
                || shape.extent(1) % 2 != 0 || shape.extent(2) % 2 != 0) {
            throw new DataException("tensor " + name + " of the bundle has shape " + shape + " but this model takes ["
                    + latentChannels() + ", even height, even width]; encode the picture with this model");
        }
        return new PatchGrid(shape.intExtent(1) / 2, shape.intExtent(2) / 2);
    }

    private HostTensor unpacked(final HostTensor packed, final PatchGrid grid) {
        final int channels = latentChannels();
        final int height = 2 * grid.rows();
        final int width = 2 * grid.columns();
        return HostTensor.ofFloats(Shape.of(channels, height, width),
                LatentPacking.unpack(packed.toFloats(), channels, height, width));
    }

    private int latentChannels() {
        return transformer.model().config().outChannels();
    }

    private void checkEmbeddings(final String name, final HostTensor embeddings) {
        final int width = transformer.model().config().jointAttentionDim();
        if (embeddings.shape().rank() != 2 || embeddings.shape().extent(0) == 0
                || embeddings.shape().extent(1) != width) {
            throw new DataException("tensor " + name + " of the bundle has shape " + embeddings.shape()
                    + " but this model takes [tokens, " + width + "]; encode the prompt with this model");
        }
    }

    private static HostTensor finite(final HostTensor latents, final int step, final int steps) {
        for (final float value : latents.toFloats()) {
            if (!Float.isFinite(value)) {
                throw new DataException("the latents hold " + value + " after step " + (step + 1) + " of " + steps
                        + "; the embeddings of the bundle or the model's weights are damaged: encode the prompt again "
                        + "and verify the model folder");
            }
        }
        return latents;
    }
}
