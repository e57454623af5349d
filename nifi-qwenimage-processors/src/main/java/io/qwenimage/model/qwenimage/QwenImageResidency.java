package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.LayerPlan;

/**
 * Which of the denoiser's weights stay on the device.
 *
 * @param blocks      attention and feed-forward layers, which every step reads
 * @param modulations {@code img_mod} and {@code txt_mod} of the blocks, which a request reads once
 */
public record QwenImageResidency(LayerPlan blocks, LayerPlan modulations) {
    /** All of them. */
    public static QwenImageResidency resident(final QwenImageConfig config) {
        return new QwenImageResidency(LayerPlan.resident(config.numLayers()), LayerPlan.resident(config.numLayers()));
    }
}
