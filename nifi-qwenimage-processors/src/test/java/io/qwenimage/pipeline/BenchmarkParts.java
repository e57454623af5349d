package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.diffusion.FlowMatchEulerDiscreteScheduler;
import io.qwenimage.diffusion.Schedule;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionTower;
import io.qwenimage.model.qwenimage.PatchGrid;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.TextContext;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionScopes;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.pipeline.DenoisingSteps.Guidance;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightScope;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/** The parts of the pipeline that {@link EndToEndBenchmark} times, over the tensors of a published model. */
final class BenchmarkParts {
    private static final int NO_TOKEN = -1;
    private static final int PIXELS_OF_A_PATCH = 16;
    private static final float GUIDANCE_SCALE = 4;
    private static final int PROMPTS = 2;

    /**
     * How much each part has to do.
     *
     * @param layersAtMost of each network
     * @param vocabulary   tokens of the language model at most
     * @param side         of the picture to be made, in pixels
     * @param promptTokens of the prompt that it is made of
     * @param chatTokens   of a question
     * @param chatRows     patches of the question's picture
     * @param chatColumns  the same
     */
    record Sizes(int layersAtMost, int vocabulary, int side, int promptTokens, int chatTokens, int chatRows,
            int chatColumns) {
        /** What people ask for. */
        static final Sizes USUAL = new Sizes(Integer.MAX_VALUE, Integer.MAX_VALUE, 1024, 200, 1000, 54, 74);
        /** Enough to go through all code. */
        static final Sizes LEAST = new Sizes(1, 1000, 16, 3, 5, 2, 4);
    }

    /** Work on weights that are on the device; what comes back was waited for. */
    @FunctionalInterface
    interface Work extends AutoCloseable {
        HostTensor run(Arena arena);

        /** What a run reads of weights. */
        default long weightBytes(final Backend backend) {
            return backend.memory().weights();
        }

        @Override
        default void close() {
            // Most work keeps nothing but what arenas own.
        }
    }

    private BenchmarkParts() {
    }

    /** The hidden states of a prompt. */
    static Work encodeText(final Backend backend, final Arena weights, final Sizes sizes) {
        final NoiseWeights source = visionLanguage(sizes);
        final LanguageModel model = new LanguageModel(ModuleScope.of(backend, weights, LanguageModel.scope(source)),
                Qwen25VlLanguage.config(source.config()));
        final int[] ids = ids(sizes.promptTokens());
        return arena -> backend.download(model.forward(arena, model.embed(arena, ids), Positions.text(0, ids.length),
                null, LanguageModel.Deepstack.NONE, Cancellation.NEVER, LanguageModel.LayerObserver.NONE));
    }

    /** Guided denoising steps one after the other, from the second on as a recorded graph; latents after each. */
    static Work denoise(final Backend backend, final Arena weights, final Sizes sizes) {
        final NoiseWeights source = new NoiseWeights("transformer", sizes.layersAtMost(), Integer.MAX_VALUE);
        final QwenImageConfig config = QwenImageConfig.read(source.config());
        final int patches = sizes.side() / PIXELS_OF_A_PATCH;
        final PatchGrid grid = new PatchGrid(patches, patches);
        final DenoiserWeights denoiser = DenoiserWeights.of(source, config.numLayers(), backend);
        final QwenImageTransformer2DModel model = new QwenImageTransformer2DModel(
                ModuleScope.of(backend, weights, WeightScope.of(source)), config,
                residency(backend, denoiser, config, PROMPTS * (grid.tokens() + sizes.promptTokens())));
        final Schedule schedule = FlowMatchEulerDiscreteScheduler.read(scheduler())
                .schedule(EndToEndBenchmark.MOST_RUNS + 1, grid.tokens());
        final Guidance guidance = new Guidance(List.of(), context(backend, weights, model, sizes, grid),
                context(backend, weights, model, sizes, grid), GUIDANCE_SCALE);
        final DenoisingSteps steps =
                new DenoisingSteps(backend, model, weights, guidance, schedule, 0, Cancellation.NEVER);
        final Tensor latents = backend.uploadExact(weights, normal(grid.tokens(), config.inChannels()));
        final AtomicInteger step = new AtomicInteger();
        return new Work() {
            @Override
            public HostTensor run(final Arena arena) {
                return backend.download(steps.run(arena, latents, step.getAndIncrement()));
            }

            @Override
            public long weightBytes(final Backend asked) {
                // Modulation was read before the first step; blocks that are streamed are read like those that stay.
                return denoiser.rest() + denoiser.blocks() * denoiser.block();
            }

            @Override
            public void close() {
                steps.close();
            }
        };
    }

    /** As many weights stay as there is memory beside what is computed. */
    private static QwenImageResidency residency(final Backend backend, final DenoiserWeights denoiser,
            final QwenImageConfig config, final long tokens) {
        final long room = backend.memory().free()
                - QwenImageTransformer2DModel.activationBytes(config, tokens, backend.activationType());
        final QwenImageResidency residency = denoiser.within(room).orElseThrow(() -> new ResourceExhaustedException(
                "the denoiser needs " + denoiser.least() + " bytes if all its blocks are streamed, " + room
                        + " are free"));
        if (residency.modulations().streamed() > 0) {
            System.out.println("In the next line " + denoiser.describe(residency));
        }
        return residency;
    }

    private static TextContext context(final Backend backend, final Arena arena,
            final QwenImageTransformer2DModel model, final Sizes sizes, final PatchGrid grid) {
        return model.textContext(arena, backend.upload(arena,
                normal(sizes.promptTokens(), model.config().jointAttentionDim())), grid);
    }

    private static ConfigFile scheduler() {
        return ConfigFile.parse("a scheduler", """
                {"num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": true, "base_shift": 0.5,
                 "max_shift": 0.9, "base_image_seq_len": 256, "max_image_seq_len": 8192, "shift_terminal": 0.02,
                 "time_shift_type": "exponential"}""".getBytes(StandardCharsets.UTF_8));
    }

    /** A picture from latents. */
    static Work decode(final Backend backend, final Arena weights, final Sizes sizes) {
        final NoiseWeights source = new NoiseWeights("vae");
        final QwenImageVaeConfig config = QwenImageVaeConfig.read(source.config());
        final QwenImageDecoder model =
                new QwenImageDecoder(ModuleScope.of(backend, weights, WeightScope.of(source)), config);
        final long side = sizes.side() / config.spatialCompression();
        final HostTensor latents = normal(config.zDim(), side, side);
        return arena -> backend.download(model.forward(arena, latents, Cancellation.NEVER, LayerObserver.NONE));
    }

    /** The vision tower on a picture. */
    static Work encodePicture(final Backend backend, final Arena weights, final Sizes sizes) {
        final NoiseWeights source = visionLanguage(sizes);
        final Qwen25VlVisionConfig config = Qwen25VlVisionConfig.read(source.config());
        final VisionTower tower =
                new Qwen25VlVisionTower(ModuleScope.of(backend, weights, VisionScopes.of(source)), config);
        final List<VisionGrid> grids = List.of(new VisionGrid(1, sizes.chatRows(), sizes.chatColumns()));
        final long[] patch = source.info("visual.patch_embed.proj.weight").shape().toArray();
        final HostTensor pixels = normal((long) sizes.chatRows() * sizes.chatColumns(),
                Shape.of(patch).elements() / patch[0]);
        return arena -> backend.download(
                tower.encode(arena, pixels, grids, Cancellation.NEVER, VisionTower.BlockObserver.NONE).embeddings());
    }

    /** A question up to the logits of the answer's first token. */
    static Work prefill(final Backend backend, final Arena weights, final Sizes sizes) {
        final VisionLanguageModel model = languageModel(backend, weights, sizes);
        final int[] ids = ids(sizes.chatTokens());
        return arena -> model.converse(arena, ids.length)
                .begin(ids, null, model.layout(ids, List.of()), Cancellation.NEVER);
    }

    /** One token after a question; each run adds one more. */
    static Work nextToken(final Backend backend, final Arena weights, final Sizes sizes) {
        final VisionLanguageModel model = languageModel(backend, weights, sizes);
        final int[] ids = ids(sizes.chatTokens());
        final VisionLanguageModel.Conversation conversation =
                model.converse(weights, ids.length + EndToEndBenchmark.MOST_RUNS + 1);
        conversation.begin(ids, null, model.layout(ids, List.of()), Cancellation.NEVER);
        return arena -> conversation.next(ids[0], Cancellation.NEVER);
    }

    private static VisionLanguageModel languageModel(final Backend backend, final Arena weights, final Sizes sizes) {
        final NoiseWeights source = visionLanguage(sizes);
        final LanguageModel language = new LanguageModel(ModuleScope.of(backend, weights, LanguageModel.scope(source)),
                Qwen25VlLanguage.config(source.config()));
        final Tensor head = ModuleScope.of(backend, weights, WeightScope.of(source)).weight("lm_head.weight",
                WeightRole.LINEAR, language.config().vocabSize(), language.config().hiddenSize());
        return new VisionLanguageModel(backend, null, language, head,
                Qwen25VlVisionConfig.read(source.config()).patches(), NO_TOKEN);
    }

    private static NoiseWeights visionLanguage(final Sizes sizes) {
        return new NoiseWeights("vision_language", sizes.layersAtMost(), sizes.vocabulary());
    }

    private static int[] ids(final int count) {
        return new Random(3).ints(count, 0, 1000).toArray();
    }

    private static HostTensor normal(final long... extents) {
        final Shape shape = Shape.of(extents);
        final float[] values = new float[Math.toIntExact(shape.elements())];
        final Random random = new Random(5);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return HostTensor.ofFloats(shape, values);
    }
}
