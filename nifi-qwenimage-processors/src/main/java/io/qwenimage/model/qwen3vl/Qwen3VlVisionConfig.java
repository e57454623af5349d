package io.qwenimage.model.qwen3vl;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.PatchShape;

/**
 * The {@code vision_config} of Qwen3-VL; defaults are those of {@code Qwen3VLVisionConfig} of transformers.
 *
 * @param patches           what a patch consists of
 * @param depth             blocks
 * @param hiddenSize        width
 * @param intermediateSize  width of the feed-forward layers
 * @param numHeads          heads
 * @param outHiddenSize     width of the language model
 * @param positions         along a side of the square grid of learned positions
 * @param deepstackIndexes  blocks after which features are taken for the language model's first layers
 */
public record Qwen3VlVisionConfig(PatchShape patches, int depth, int hiddenSize, int intermediateSize, int numHeads,
        int outHiddenSize, int positions, int[] deepstackIndexes) {
    /** Epsilon of all norms; a constant of the architecture. */
    static final float NORM_EPS = 1e-6f;

    /**
     * Reads and checks a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static Qwen3VlVisionConfig read(final ConfigFile root) {
        final ConfigFile vision = root.sub("vision_config");
        final int embeddings = vision.countAt("num_position_embeddings", 2304);
        final Qwen3VlVisionConfig result = new Qwen3VlVisionConfig(PatchShape.read(vision, 16),
                vision.countAt("depth", 27), vision.countAt("hidden_size", 1152),
                vision.countAt("intermediate_size", 4304), vision.countAt("num_heads", 16),
                vision.countAt("out_hidden_size", 3584), (int) Math.sqrt(embeddings),
                vision.intsAt("deepstack_visual_indexes", 8, 16, 24));
        vision.require("num_position_embeddings", result.positions * result.positions == embeddings, "a square");
        vision.require("hidden_act", "gelu_pytorch_tanh".equals(vision.stringAt("hidden_act", "gelu_pytorch_tanh")),
                "gelu_pytorch_tanh");
        vision.require("num_heads", result.hiddenSize % (4 * result.numHeads) == 0,
                "a number that divides hidden_size, " + result.hiddenSize + ", into heads of a multiple of 4");
        int previous = -1;
        for (final int index : result.deepstackIndexes) {
            vision.require("deepstack_visual_indexes", index > previous && index < result.depth,
                    "increasing numbers below depth, " + result.depth);
            previous = index;
        }
        return result;
    }
}
