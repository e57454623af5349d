package io.qwenimage.model.qwen2vl;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.PatchShape;

/**
 * The {@code vision_config} of Qwen2-VL; defaults are those of {@code Qwen2VLVisionConfig} of transformers.
 *
 * @param patches    what a patch consists of
 * @param depth      blocks
 * @param embedDim   width
 * @param hiddenSize width of the language model
 * @param mlpRatio   width of the feed-forward layers, in multiples of {@code embedDim}
 * @param numHeads   heads
 */
public record Qwen2VlVisionConfig(PatchShape patches, int depth, int embedDim, int hiddenSize, int mlpRatio,
        int numHeads) {
    /** Epsilon of all norms; a constant of the architecture. */
    static final float NORM_EPS = 1e-6f;

    /**
     * Reads and checks a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static Qwen2VlVisionConfig read(final ConfigFile root) {
        final ConfigFile vision = root.sub("vision_config");
        final Qwen2VlVisionConfig result = new Qwen2VlVisionConfig(PatchShape.read(vision, 14),
                vision.countAt("depth", 32), vision.countAt("embed_dim", 1280), vision.countAt("hidden_size", 3584),
                vision.countAt("mlp_ratio", 4), vision.countAt("num_heads", 16));
        vision.require("hidden_act", "quick_gelu".equals(vision.stringAt("hidden_act", "quick_gelu")), "quick_gelu");
        vision.require("num_heads", result.embedDim % (4 * result.numHeads) == 0,
                "a number that divides embed_dim, " + result.embedDim + ", into heads of a multiple of 4");
        return result;
    }
}
