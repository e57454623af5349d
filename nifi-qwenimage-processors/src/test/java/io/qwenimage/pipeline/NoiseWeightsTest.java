package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;

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
import io.qwenimage.weights.WeightScope;
import org.junit.jupiter.api.Test;

/** The published models, full of noise, are what the models of this engine load: by name, shape and number. */
class NoiseWeightsTest {
    @Test
    void publishedShapesAreThoseThatTheNetworksAskFor() {
        final NoiseWeights transformer = new NoiseWeights("transformer");
        final NoiseWeights vae = new NoiseWeights("vae");
        final NoiseWeights language = new NoiseWeights("vision_language");
        assertDoesNotThrow(() -> {
            new QwenImageTransformer2DModel(ModuleScope.forInspection(WeightScope.of(transformer)),
                    QwenImageConfig.read(transformer.config()));
            new QwenImageDecoder(ModuleScope.forInspection(WeightScope.of(vae)), QwenImageVaeConfig.read(vae.config()));
            new QwenImageEncoder(ModuleScope.forInspection(WeightScope.of(vae)), QwenImageVaeConfig.read(vae.config()));
            new LanguageModel(ModuleScope.forInspection(LanguageModel.scope(language)),
                    Qwen25VlLanguage.config(language.config()));
            new Qwen25VlVisionTower(ModuleScope.forInspection(VisionScopes.of(language)),
                    Qwen25VlVisionConfig.read(language.config()));
        });
    }

    @Test
    void theyAreAsManyParametersAsArePublished() {
        assertEquals(20.43, billions(new NoiseWeights("transformer")), 0.01);
        assertEquals(8.29, billions(new NoiseWeights("vision_language")), 0.01);
        assertEquals(0.127, billions(new NoiseWeights("vae")), 0.001);
    }

    private static double billions(final NoiseWeights weights) {
        return weights.names().stream().mapToLong(name -> weights.info(name).shape().elements()).sum() / 1e9;
    }
}
