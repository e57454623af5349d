package io.qwenimage.model.qwen3vl;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageConfig;
import java.util.List;

/** What Qwen3-VL's language model assumes where its config is silent: {@code Qwen3VLTextConfig} of transformers. */
public final class Qwen3VlLanguage {
    /** {@code model_type} of the whole model. */
    public static final String MODEL_TYPE = "qwen3_vl";

    private static final LanguageConfig.Defaults DEFAULTS = new LanguageConfig.Defaults(151936, 4096, 22016, 32, 32,
            32, 1e-6, 5e5, new int[] {24, 20, 20}, true, LanguageConfig.Projections.NORMALISED);

    private Qwen3VlLanguage() {
    }

    /**
     * Reads and checks the language part of a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if it is of another model or has a value that is not computed
     */
    public static LanguageConfig config(final ConfigFile root) {
        root.choiceAt("model_type", MODEL_TYPE, List.of(MODEL_TYPE));
        return LanguageConfig.read(root, DEFAULTS);
    }
}
