package io.qwenimage.model.language;

import io.qwenimage.model.ConfigFile;

/**
 * The language part of a Qwen-VL {@code config.json}, flat as published from 2024 on or nested in {@code text_config}
 * as saved today.
 *
 * @param vocabSize         rows of the embedding table
 * @param hiddenSize        width of the stream
 * @param intermediateSize  width of the feed-forward layer
 * @param numHiddenLayers   decoder layers
 * @param numAttentionHeads query heads
 * @param numKeyValueHeads  key and value heads
 * @param headDim           width of a head
 * @param rmsNormEps        epsilon of all norms
 * @param ropeTheta         base of the rotary frequencies
 * @param mrope             how positions on three axes share a head's rotary pairs
 * @param projections       what the attention's projections consist of
 * @param tieWordEmbeddings whether the head is the embedding table
 */
public record LanguageConfig(int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers,
        int numAttentionHeads, int numKeyValueHeads, int headDim, float rmsNormEps, double ropeTheta,
        MultimodalRope mrope, Projections projections, boolean tieWordEmbeddings) {

    /** The two forms of attention in the family. */
    public enum Projections {
        /** Queries, keys and values have biases: Qwen2-VL and Qwen2.5-VL. */
        BIASED,
        /** No biases, but queries and keys are normalised head by head: Qwen3-VL. */
        NORMALISED
    }

    /**
     * What the transformers library assumes where a config is silent.
     *
     * @param vocabSize         and so on, see {@link LanguageConfig}
     * @param mropeSection      how many rotary pairs follow time, row and column
     * @param mropeInterleaved  whether the axes alternate
     */
    public record Defaults(int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers,
            int numAttentionHeads, int numKeyValueHeads, double rmsNormEps, double ropeTheta, int[] mropeSection,
            boolean mropeInterleaved, Projections projections) {
    }

    /**
     * Reads and checks a config.
     *
     * @param root the whole {@code config.json}
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static LanguageConfig read(final ConfigFile root, final Defaults defaults) {
        final ConfigFile text = root.has("text_config") ? root.sub("text_config") : root;
        final int heads = text.countAt("num_attention_heads", defaults.numAttentionHeads());
        final int hiddenSize = text.countAt("hidden_size", defaults.hiddenSize());
        final ConfigFile rope = rope(text);
        final LanguageConfig result = new LanguageConfig(
                text.countAt("vocab_size", defaults.vocabSize()),
                hiddenSize,
                text.countAt("intermediate_size", defaults.intermediateSize()),
                text.countAt("num_hidden_layers", defaults.numHiddenLayers()),
                heads,
                keyValueHeads(text, heads, defaults.numKeyValueHeads()),
                headDim(text, defaults.projections(), hiddenSize, heads),
                (float) text.doubleAt("rms_norm_eps", defaults.rmsNormEps()),
                rope.doubleAt("rope_theta", text.doubleAt("rope_theta", defaults.ropeTheta())),
                new MultimodalRope(rope.intsAt("mrope_section", defaults.mropeSection()),
                        defaults.mropeInterleaved()),
                defaults.projections(),
                root.booleanAt("tie_word_embeddings", false) || text.booleanAt("tie_word_embeddings", false));
        result.check(text);
        final String ropeType = rope.stringAt("rope_type", rope.stringAt("type", "default"));
        rope.require("rope_type", "default".equals(ropeType) || "mrope".equals(ropeType), "default or mrope");
        return result;
    }

    /** A null means as many as query heads; an absent key means the default. */
    private static int keyValueHeads(final ConfigFile text, final int heads, final int otherwise) {
        final boolean isNull = text.keys().contains("num_key_value_heads") && !text.has("num_key_value_heads");
        return isNull ? heads : text.countAt("num_key_value_heads", otherwise);
    }

    /** Only the newest generation has heads whose width is no quotient. */
    private static int headDim(final ConfigFile text, final Projections projections, final int hiddenSize,
            final int heads) {
        return projections == Projections.NORMALISED ? text.countAt("head_dim", 128) : hiddenSize / heads;
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
        text.require("attention_bias", projections == Projections.BIASED || !text.booleanAt("attention_bias", false),
                "false");
        text.require("num_attention_heads", projections == Projections.NORMALISED
                || hiddenSize % numAttentionHeads == 0, "a divisor of hidden_size, " + hiddenSize);
        text.require("head_dim", headDim > 0 && headDim % 2 == 0, "an even number");
        text.require("num_key_value_heads", numAttentionHeads % numKeyValueHeads == 0,
                "a divisor of num_attention_heads, " + numAttentionHeads);
        text.require("rms_norm_eps", rmsNormEps > 0, "a positive number");
        text.require("rope_theta", ropeTheta > 0, "a positive number");
        text.require("mrope_section", mrope.fits(headDim), "three numbers whose sum is half a head, " + headDim / 2);
    }
}
