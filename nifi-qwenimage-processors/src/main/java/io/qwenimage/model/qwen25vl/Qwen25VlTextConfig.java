package io.qwenimage.model.qwen25vl;

import io.qwenimage.model.ConfigFile;

/**
 * The language part of a Qwen2.5-VL {@code config.json}, flat as published in 2025 or nested in {@code text_config} as
 * saved today; defaults are those of {@code Qwen2_5_VLTextConfig} of transformers.
 *
 * @param vocabSize         rows of the embedding table
 * @param hiddenSize        width of the stream
 * @param intermediateSize  width of the feed-forward layer
 * @param numHiddenLayers   decoder layers
 * @param numAttentionHeads query heads
 * @param numKeyValueHeads  key and value heads
 * @param rmsNormEps        epsilon of all norms
 * @param ropeTheta         base of the rotary frequencies
 * @param mropeSection      how many rotary pairs follow time, row and column
 */
public record Qwen25VlTextConfig(int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers,
        int numAttentionHeads, int numKeyValueHeads, float rmsNormEps, double ropeTheta, int[] mropeSection) {
    private static final double DEFAULT_THETA = 1_000_000;

    /**
     * Reads and checks a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static Qwen25VlTextConfig read(final ConfigFile root) {
        root.require("model_type", "qwen2_5_vl".equals(root.stringAt("model_type", "qwen2_5_vl")), "qwen2_5_vl");
        final ConfigFile text = root.has("text_config") ? root.sub("text_config") : root;
        final ConfigFile rope = rope(text);
        final int heads = text.countAt("num_attention_heads", 64);
        final int hiddenSize = text.countAt("hidden_size", 8192);
        final Qwen25VlTextConfig result = new Qwen25VlTextConfig(
                text.countAt("vocab_size", 152064),
                hiddenSize,
                text.countAt("intermediate_size", 29568),
                text.countAt("num_hidden_layers", 80),
                heads,
                keyValueHeads(text, heads),
                (float) text.doubleAt("rms_norm_eps", 1e-5),
                rope.doubleAt("rope_theta", text.doubleAt("rope_theta", DEFAULT_THETA)),
                rope.intsAt("mrope_section", 16, 24, 24));
        result.check(text);
        final String ropeType = rope.stringAt("rope_type", rope.stringAt("type", "default"));
        rope.require("rope_type", "default".equals(ropeType) || "mrope".equals(ropeType), "default or mrope");
        return result;
    }

    /** Width of a head. */
    public int headDim() {
        return hiddenSize / numAttentionHeads;
    }

    /** A null means as many as query heads; an absent key means the default. */
    private static int keyValueHeads(final ConfigFile text, final int heads) {
        final boolean isNull = text.keys().contains("num_key_value_heads") && !text.has("num_key_value_heads");
        return isNull ? heads : text.countAt("num_key_value_heads", 8);
    }

    /** Rotary settings have moved with the years; where there are none, defaults apply. */
    private static ConfigFile rope(final ConfigFile text) {
        if (text.has("rope_parameters")) {
            return text.sub("rope_parameters");
        }
        return text.has("rope_scaling") ? text.sub("rope_scaling") : text;
    }

    private void check(final ConfigFile text) {
        text.require("hidden_act", "silu".equals(text.stringAt("hidden_act", "silu")), "silu");
        text.require("use_sliding_window", !text.booleanAt("use_sliding_window", false), "false");
        text.require("num_attention_heads", hiddenSize % (2 * numAttentionHeads) == 0,
                "a number that divides hidden_size, " + hiddenSize + ", into even heads");
        text.require("num_key_value_heads", numAttentionHeads % numKeyValueHeads == 0,
                "a divisor of num_attention_heads, " + numAttentionHeads);
        text.require("rms_norm_eps", rmsNormEps > 0, "a positive number");
        text.require("rope_theta", ropeTheta > 0, "a positive number");
        int pairs = 0;
        for (final int section : mropeSection) {
            pairs += section;
        }
        text.require("mrope_section", pairs == headDim() / 2, "numbers whose sum is half a head, " + headDim() / 2);
    }
}
