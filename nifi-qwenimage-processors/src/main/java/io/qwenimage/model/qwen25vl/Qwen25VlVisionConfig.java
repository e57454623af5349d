package io.qwenimage.model.qwen25vl;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.PatchShape;

/**
 * The {@code vision_config} of Qwen2.5-VL; defaults are those of {@code Qwen2_5_VLVisionConfig} of transformers.
 *
 * @param patches          what a patch consists of
 * @param depth            blocks
 * @param hiddenSize       width
 * @param intermediateSize width of the feed-forward layers
 * @param numHeads         heads
 * @param windowSize       pixels along a window's side
 * @param outHiddenSize    width of the language model
 * @param fullattBlocks    blocks whose patches see the whole picture
 */
public record Qwen25VlVisionConfig(PatchShape patches, int depth, int hiddenSize, int intermediateSize, int numHeads,
        int windowSize, int outHiddenSize, int[] fullattBlocks) {
    /** Epsilon of all norms; a constant of the architecture. */
    static final float NORM_EPS = 1e-6f;

    /**
     * Reads and checks a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static Qwen25VlVisionConfig read(final ConfigFile root) {
        final ConfigFile vision = root.sub("vision_config");
        final Qwen25VlVisionConfig result = new Qwen25VlVisionConfig(PatchShape.read(vision, 14),
                vision.countAt("depth", 32), vision.countAt("hidden_size", 3584),
                vision.countAt("intermediate_size", 3420), vision.countAt("num_heads", 16),
                vision.countAt("window_size", 112), vision.countAt("out_hidden_size", 3584),
                vision.intsAt("fullatt_block_indexes", 7, 15, 23, 31));
        vision.require("hidden_act", "silu".equals(vision.stringAt("hidden_act", "silu")), "silu");
        vision.require("num_heads", result.hiddenSize % (4 * result.numHeads) == 0,
                "a number that divides hidden_size, " + result.hiddenSize + ", into heads of a multiple of 4");
        vision.require("window_size", result.windowBlocks() > 0, "at least "
                + result.patches.patchSize() * result.patches.mergeSize() + " pixels");
        return result;
    }

    /** Merged blocks along a window's side. */
    int windowBlocks() {
        return windowSize / patches.mergeSize() / patches.patchSize();
    }

    /** Whether a block's patches see the whole picture. */
    boolean seesAll(final int block) {
        for (final int index : fullattBlocks) {
            if (index == block) {
                return true;
            }
        }
        return false;
    }
}
