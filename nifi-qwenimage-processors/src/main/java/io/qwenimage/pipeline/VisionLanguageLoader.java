package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionTower;
import io.qwenimage.model.qwen2vl.Qwen2VlLanguage;
import io.qwenimage.model.qwen2vl.Qwen2VlVisionConfig;
import io.qwenimage.model.qwen2vl.Qwen2VlVisionTower;
import io.qwenimage.model.qwen3vl.Qwen3VlLanguage;
import io.qwenimage.model.qwen3vl.Qwen3VlVisionConfig;
import io.qwenimage.model.qwen3vl.Qwen3VlVisionTower;
import io.qwenimage.model.vision.PatchShape;
import io.qwenimage.model.vision.VisionScopes;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Loads a model of the Qwen-VL family from a checkpoint, chosen by {@code model_type}. */
final class VisionLanguageLoader {
    private static final String LM_HEAD = "lm_head.weight";
    private static final int DEFAULT_IMAGE_TOKEN = 151655;

    /** What differs between the generations. */
    private record Parts(LanguageConfig language, PatchShape patches, Function<ModuleScope, VisionTower> tower) {
    }

    /** A model and the networks that it holds. */
    record Holding(VisionLanguageModel model, List<LoadedComponent<?>> networks) implements Stage {
        @Override
        public void close() {
            networks.forEach(LoadedComponent::close);
        }
    }

    private VisionLanguageLoader() {
    }

    /**
     * Takes hold of a model's three networks: tower, language model and head.
     *
     * @param folder that holds the checkpoint
     * @param config the whole {@code config.json}
     * @return closed by the caller
     * @throws io.qwenimage.weights.WeightException if the config is of no known model or the weights do not fit it
     */
    static Holding load(final ComponentStore store, final Path folder, final ConfigFile config,
            final Cancellation cancellation) {
        final Parts parts = parts(config);
        final List<LoadedComponent<?>> holds = new ArrayList<>();
        try {
            final LoadedComponent<VisionTower> tower =
                    store.load(folder, VisionTower.class, VisionScopes::of, parts.tower(), cancellation);
            holds.add(tower);
            final LoadedComponent<LanguageModel> language = store.load(folder, LanguageModel.class,
                    LanguageModel::scope, scope -> new LanguageModel(scope, parts.language()), cancellation);
            holds.add(language);
            final LoadedComponent<Tensor> head = store.load(folder, Tensor.class,
                    source -> headScope(source, parts.language()), scope -> head(scope, parts.language()),
                    cancellation);
            holds.add(head);
            return new Holding(new VisionLanguageModel(store.backend(), tower.model(), language.model(), head.model(),
                    parts.patches(), config.intAt("image_token_id", DEFAULT_IMAGE_TOKEN)), holds);
        } catch (RuntimeException | Error e) {
            holds.forEach(LoadedComponent::close);
            throw e;
        }
    }

    /**
     * Asks a checkpoint for every name and shape of a model, and prepares nothing.
     *
     * @throws io.qwenimage.weights.WeightException as {@link #load}
     */
    static void inspect(final ConfigFile config, final WeightSource source) {
        final Parts parts = parts(config);
        parts.tower().apply(ModuleScope.forInspection(VisionScopes.of(source)));
        new LanguageModel(ModuleScope.forInspection(LanguageModel.scope(source)), parts.language());
        head(ModuleScope.forInspection(headScope(source, parts.language())), parts.language());
    }

    private static WeightScope headScope(final WeightSource source, final LanguageConfig language) {
        return isTied(source, language) ? LanguageModel.scope(source) : WeightScope.of(source);
    }

    private static Tensor head(final ModuleScope scope, final LanguageConfig language) {
        final String name = scope.has(LM_HEAD) && !language.tieWordEmbeddings() ? LM_HEAD : "embed_tokens.weight";
        return scope.weight(name, WeightRole.LINEAR, language.vocabSize(), language.hiddenSize());
    }

    private static boolean isTied(final WeightSource source, final LanguageConfig language) {
        return language.tieWordEmbeddings() || !WeightScope.of(source).has(LM_HEAD);
    }

    private static Parts parts(final ConfigFile config) {
        final String type = config.choiceAt("model_type", null, List.of(Qwen25VlLanguage.MODEL_TYPE,
                Qwen2VlLanguage.MODEL_TYPE, Qwen3VlLanguage.MODEL_TYPE));
        switch (type) {
            case Qwen25VlLanguage.MODEL_TYPE -> {
                final Qwen25VlVisionConfig vision = Qwen25VlVisionConfig.read(config);
                return new Parts(Qwen25VlLanguage.config(config), vision.patches(),
                        scope -> new Qwen25VlVisionTower(scope, vision));
            }
            case Qwen2VlLanguage.MODEL_TYPE -> {
                final Qwen2VlVisionConfig vision = Qwen2VlVisionConfig.read(config);
                return new Parts(Qwen2VlLanguage.config(config), vision.patches(),
                        scope -> new Qwen2VlVisionTower(scope, vision));
            }
            default -> {
                final Qwen3VlVisionConfig vision = Qwen3VlVisionConfig.read(config);
                return new Parts(Qwen3VlLanguage.config(config), vision.patches(),
                        scope -> new Qwen3VlVisionTower(scope, vision));
            }
        }
    }
}
