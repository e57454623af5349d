package io.qwenimage.pipeline;

import io.qwenimage.image.PatchLayout;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.VisionPreprocessorConfig;
import io.qwenimage.weights.WeightException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A folder that holds a model of the Qwen-VL family: its own, or that of a Qwen-Image pipeline, whose text encoder is a
 * whole Qwen2.5-VL. A pipeline's folder has no settings for pictures; those of the family apply then.
 *
 * @param root      the folder that was named
 * @param weights   where weights, {@code config.json} and {@code generation_config.json} are
 * @param tokenizer where the tokenizer is
 */
record VisionLanguageFolder(Path root, Path weights, Path tokenizer) {
    /**
     * Opens a folder; reads nothing yet.
     *
     * @throws WeightException if there is no such folder or it holds no model
     */
    static VisionLanguageFolder open(final Path root) {
        if (!Files.isDirectory(root)) {
            throw new WeightException("model folder " + root + " does not exist or is no folder; give the folder that "
                    + "holds config.json");
        }
        if (Files.isRegularFile(root.resolve("config.json"))) {
            return new VisionLanguageFolder(root, root, root);
        }
        if (Files.isRegularFile(root.resolve("model_index.json"))) {
            final ModelFolder pipeline = ModelFolder.open(root);
            return new VisionLanguageFolder(root, pipeline.component(ModelFolder.TEXT_ENCODER),
                    pipeline.component(ModelFolder.TOKENIZER));
        }
        throw new WeightException("model folder " + root + " holds neither config.json nor model_index.json; give the "
                + "folder of a model, such as a download of Qwen/Qwen2.5-VL-7B-Instruct");
    }

    /** The model's configuration. */
    ConfigFile config() {
        return ConfigFile.read(weights.resolve("config.json"));
    }

    /** How pictures are prepared. */
    PatchLayout patchLayout() {
        if (isPipeline() && !Files.isRegularFile(root.resolve("processor").resolve("preprocessor_config.json"))) {
            return VisionPreprocessorConfig.layout(ConfigFile.parse("the defaults of Qwen2.5-VL",
                    "{}".getBytes(StandardCharsets.UTF_8)));
        }
        return VisionPreprocessorConfig.read(isPipeline() ? root.resolve("processor") : root);
    }

    /** How turns are written. */
    ChatTemplate chatTemplate() {
        return isPipeline() ? ChatTemplate.withDefaultSystem() : ChatTemplate.read(root);
    }

    VisionLanguageCard card(final ConfigFile config) {
        final Path own = root.resolve(ModelFolder.RECOMMENDATIONS);
        final String name = root.toAbsolutePath().normalize().getFileName().toString();
        if (!Files.isRegularFile(own)) {
            return new VisionLanguageCard(name, config.stringAt("model_type", ""), true);
        }
        final ConfigFile recommendations = ConfigFile.read(own);
        return new VisionLanguageCard(recommendations.stringAt("display_name", name),
                config.stringAt("model_type", ""), recommendations.booleanAt("trained", true));
    }

    private boolean isPipeline() {
        return !root.equals(weights);
    }
}
