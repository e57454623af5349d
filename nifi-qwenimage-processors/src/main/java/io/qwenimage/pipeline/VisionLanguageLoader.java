package io.qwenimage.pipeline;

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
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.List;
import java.util.function.Function;

/** Builds a model of the Qwen-VL family from a checkpoint, chosen by {@code model_type}. */
final class VisionLanguageLoader {
    private static final String LM_HEAD = "lm_head.weight";
    private static final int DEFAULT_IMAGE_TOKEN = 151655;

    /** What differs between the generations. */
    private record Parts(LanguageConfig language, PatchShape patches, VisionTower tower) {
    }

    private VisionLanguageLoader() {
    }

    /**
     * Loads all weights.
     *
     * @param config  the whole {@code config.json}
     * @param source  the checkpoint
     * @param modules makes the scope that owns the weights, for a scope of names
     * @throws io.qwenimage.weights.WeightException if the config is of no known model or the weights do not fit it
     */
    static VisionLanguageModel load(final ConfigFile config, final WeightSource source,
            final Function<WeightScope, ModuleScope> modules) {
        final Parts parts = parts(config, modules.apply(VisionScopes.of(source)));
        final WeightScope languageScope = LanguageModel.scope(source);
        final ModuleScope language = modules.apply(languageScope);
        final LanguageModel languageModel = new LanguageModel(language, parts.language());
        final WeightScope root = WeightScope.of(source);
        final long[] shape = {parts.language().vocabSize(), parts.language().hiddenSize()};
        final HostTensor head = parts.language().tieWordEmbeddings() || !root.has(LM_HEAD)
                ? languageScope.tensor("embed_tokens.weight", shape) : root.tensor(LM_HEAD, shape);
        return new VisionLanguageModel(language.backend(), parts.tower(), languageModel,
                language.prepare(head, WeightRole.LINEAR), parts.patches(),
                config.intAt("image_token_id", DEFAULT_IMAGE_TOKEN));
    }

    private static Parts parts(final ConfigFile config, final ModuleScope visual) {
        final String type = config.choiceAt("model_type", null, List.of(Qwen25VlLanguage.MODEL_TYPE,
                Qwen2VlLanguage.MODEL_TYPE, Qwen3VlLanguage.MODEL_TYPE));
        switch (type) {
            case Qwen25VlLanguage.MODEL_TYPE -> {
                final Qwen25VlVisionConfig vision = Qwen25VlVisionConfig.read(config);
                return new Parts(Qwen25VlLanguage.config(config), vision.patches(),
                        new Qwen25VlVisionTower(visual, vision));
            }
            case Qwen2VlLanguage.MODEL_TYPE -> {
                final Qwen2VlVisionConfig vision = Qwen2VlVisionConfig.read(config);
                return new Parts(Qwen2VlLanguage.config(config), vision.patches(),
                        new Qwen2VlVisionTower(visual, vision));
            }
            default -> {
                final Qwen3VlVisionConfig vision = Qwen3VlVisionConfig.read(config);
                return new Parts(Qwen3VlLanguage.config(config), vision.patches(),
                        new Qwen3VlVisionTower(visual, vision));
            }
        }
    }
}
