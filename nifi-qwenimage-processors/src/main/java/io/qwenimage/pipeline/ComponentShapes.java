package io.qwenimage.pipeline;

import io.qwenimage.diffusion.FlowMatchEulerDiscreteScheduler;
import io.qwenimage.model.VisionPreprocessorConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionTower;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageEncoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.model.vision.VisionScopes;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tokenizer.Tokenizer;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.List;

/**
 * Checks that a component's tensors fit its configuration, by the code that loads it: its networks are built over the
 * checkpoint, but no weight is prepared for computing.
 */
final class ComponentShapes {
    private ComponentShapes() {
    }

    /**
     * What does not fit, in words; empty if all fits.
     *
     * @param root      the folder with {@code model_index.json}
     * @param component name of a sub-folder
     */
    static List<String> problems(final Path root, final String component) {
        try {
            build(ModelFolder.open(root), component);
            return List.of();
        } catch (WeightException e) {
            return List.of(e.getMessage());
        }
    }

    private static void build(final ModelFolder folder, final String component) {
        switch (component) {
            case ModelFolder.TOKENIZER -> Tokenizer.open(folder.component(component)).close();
            case ModelFolder.SCHEDULER -> FlowMatchEulerDiscreteScheduler.read(folder.config(component));
            case ModelFolder.PROCESSOR -> VisionPreprocessorConfig.read(folder.component(component));
            case ModelFolder.TEXT_ENCODER -> {
                try (WeightSource source = folder.weights(component)) {
                    if (folder.kind().edits()) {
                        new Qwen25VlVisionTower(ModuleScope.forInspection(VisionScopes.of(source)),
                                Qwen25VlVisionConfig.read(folder.config(component)));
                    }
                    new LanguageModel(ModuleScope.forInspection(LanguageModel.scope(source)),
                            Qwen25VlLanguage.config(folder.config(component)));
                }
            }
            case ModelFolder.TRANSFORMER -> {
                try (WeightSource source = folder.weights(component)) {
                    new QwenImageTransformer2DModel(ModuleScope.forInspection(WeightScope.of(source)),
                            QwenImageConfig.read(folder.config(component)));
                }
            }
            case ModelFolder.VAE -> {
                try (WeightSource source = folder.weights(component)) {
                    if (folder.kind().edits()) {
                        new QwenImageEncoder(ModuleScope.forInspection(WeightScope.of(source)),
                                QwenImageVaeConfig.read(folder.config(component)));
                    }
                    new QwenImageDecoder(ModuleScope.forInspection(WeightScope.of(source)),
                            QwenImageVaeConfig.read(folder.config(component)));
                }
            }
            default -> throw new WeightException("model folder " + folder.root() + " names a component " + component
                    + " that neither text to image nor editing has; it belongs to another pipeline");
        }
    }
}
