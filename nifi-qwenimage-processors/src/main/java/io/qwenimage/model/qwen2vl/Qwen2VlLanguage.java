package io.qwenimage.model.qwen2vl;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageConfig;
import java.util.List;

/** What Qwen2-VL's language model assumes where its config is silent: {@code Qwen2VLTextConfig} of transformers. */
public final class Qwen2VlLanguage {
    /** {@code model_type} of the whole model. */
    public static final String MODEL_TYPE = "qwen2_vl";

    private static final LanguageConfig.Defaults DEFAULTS = new LanguageConfig.Defaults(152064, 8192, 29568, 80, 64, 8,
            1e-5, 1e6, new int[] {16, 24, 24}, false, LanguageConfig.Projections.BIASED);

    private Qwen2VlLanguage() {
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
