package io.qwenimage.cli;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.RgbImage;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.VisionPreprocessorConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionTower;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionScopes;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightSource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What an answer about a picture costs: preparing the picture, the vision tower, the prompt, each token.
 *
 * @param backend   runs it
 * @param folder    with {@code vision_language} and {@code bench}
 * @param reference inputs of the job, and what the reference made of them
 */
record ChatBench(Backend backend, Path folder, WeightSource reference) {
    static final String COMPONENT = "vision_language";
    private static final String OUTPUT = "output";
    private static final int NO_TOKEN = -1;

    /** The picture as patches; no network takes part. */
    Bench.Work preprocess() {
        final PatchLayout layout = VisionPreprocessorConfig.layout(ConfigFile.parse("the defaults of Qwen2.5-VL",
                "{}".getBytes(StandardCharsets.UTF_8)));
        final HostTensor samples = reference.tensor("picture"); // [H, W, 3]
        final byte[] bytes = new byte[Math.toIntExact(samples.shape().elements())];
        samples.bytes().get(bytes);
        final RgbImage picture = new RgbImage(samples.shape().intExtent(1), samples.shape().intExtent(0), bytes);
        return (arena, outputs) -> {
            final float[] values = layout.patches(picture).values();
            outputs.accept(OUTPUT, HostTensor.ofFloats(Shape.of(values.length), values));
        };
    }

    /** The vision tower on one picture. */
    Bench.Work visionTower(final WeightSource source, final Arena weights) {
        final VisionTower tower = new Qwen25VlVisionTower(ModuleScope.of(backend, weights, VisionScopes.of(source)),
                Qwen25VlVisionConfig.read(config()));
        final long[] thw = reference.tensor("image_grid_thw").toLongs();
        final List<VisionGrid> grids = List.of(new VisionGrid((int) thw[0], (int) thw[1], (int) thw[2]));
        return (arena, outputs) -> outputs.accept(OUTPUT, backend.download(tower.encode(arena,
                reference.tensor("pixel_values"), grids, Cancellation.NEVER, VisionTower.BlockObserver.NONE)
                .embeddings()));
    }

    /** A whole prompt, up to the logits of the first token. */
    Bench.Work prefill(final WeightSource source, final Arena weights) {
        final VisionLanguageModel model = languageModel(source, weights);
        final int[] ids = ids();
        return (arena, outputs) -> outputs.accept(OUTPUT, model.converse(arena, ids.length)
                .begin(ids, null, model.layout(ids, List.of()), Cancellation.NEVER));
    }

    /** One token after a prompt whose keys and values are there; each run adds one more, as an answer does. */
    Bench.Work decode(final WeightSource source, final Arena weights, final int runs) {
        final VisionLanguageModel model = languageModel(source, weights);
        final int[] ids = ids();
        final int[] prompt = Arrays.copyOf(ids, ids.length - 1);
        final VisionLanguageModel.Conversation conversation = model.converse(weights, ids.length + runs);
        conversation.begin(prompt, null, model.layout(prompt, List.of()), Cancellation.NEVER);
        return (arena, outputs) ->
                outputs.accept(OUTPUT, conversation.next(ids[ids.length - 1], Cancellation.NEVER));
    }

    private VisionLanguageModel languageModel(final WeightSource source, final Arena weights) {
        final ModuleScope scope = ModuleScope.of(backend, weights, LanguageModel.scope(source));
        final LanguageModel language = new LanguageModel(scope, Qwen25VlLanguage.config(config()));
        final Tensor head = scope.weight("embed_tokens.weight", WeightRole.LINEAR,
                language.config().vocabSize(), language.config().hiddenSize());
        return new VisionLanguageModel(backend, null, language, head, Qwen25VlVisionConfig.read(config()).patches(),
                NO_TOKEN);
    }

    private int[] ids() {
        return Arrays.stream(reference.tensor("input_ids").toLongs()).mapToInt(Math::toIntExact).toArray();
    }

    private ConfigFile config() {
        return ConfigFile.read(folder.resolve(COMPONENT).resolve("config.json"));
    }
}
