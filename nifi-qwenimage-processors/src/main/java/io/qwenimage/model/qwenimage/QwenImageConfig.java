package io.qwenimage.model.qwenimage;

import io.qwenimage.model.ConfigFile;

/**
 * The denoiser's {@code config.json}; defaults are those of {@code QwenImageTransformer2DModel.__init__} of diffusers.
 *
 * @param patchSize         latents per side of a patch
 * @param inChannels        channels of a packed token
 * @param outChannels       latent channels
 * @param numLayers         blocks
 * @param attentionHeadDim  width of a head
 * @param numAttentionHeads heads
 * @param jointAttentionDim width of the prompt's embeddings
 * @param axesDimsRope      how a head's elements are shared between frame, row and column
 * @param zeroCondT         whether tokens of reference pictures stand at time 0, free of noise
 */
public record QwenImageConfig(int patchSize, int inChannels, int outChannels, int numLayers, int attentionHeadDim,
        int numAttentionHeads, int jointAttentionDim, int[] axesDimsRope, boolean zeroCondT) {
    /** Epsilon of all norms; a constant of the architecture, no key of its config. */
    static final float NORM_EPS = 1e-6f;

    /**
     * Reads and checks a config.
     *
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static QwenImageConfig read(final ConfigFile config) {
        final int inChannels = config.countAt("in_channels", 64);
        final boolean sameAsIn = config.keys().contains("out_channels") && !config.has("out_channels");
        final QwenImageConfig result = new QwenImageConfig(
                config.countAt("patch_size", 2),
                inChannels,
                sameAsIn ? inChannels : config.countAt("out_channels", 16),
                config.countAt("num_layers", 60),
                config.countAt("attention_head_dim", 128),
                config.countAt("num_attention_heads", 24),
                config.countAt("joint_attention_dim", 3584),
                config.intsAt("axes_dims_rope", 16, 56, 56),
                config.booleanAt("zero_cond_t", false));
        result.check(config);
        return result;
    }

    /** Width of both streams. */
    public int innerDim() {
        return Math.multiplyExact(numAttentionHeads, attentionHeadDim);
    }

    /** Channels of a packed token of the prediction. */
    public int packedOutChannels() {
        return patchSize * patchSize * outChannels;
    }

    private void check(final ConfigFile config) {
        for (final String flag : new String[] {"guidance_embeds", "use_additional_t_cond", "use_layer3d_rope"}) {
            config.require(flag, !config.booleanAt(flag, false),
                    "false: neither text to image nor editing needs this");
        }
        config.require("patch_size", patchSize == 2, "2");
        config.require("attention_head_dim", attentionHeadDim % 2 == 0, "an even number");
        config.require("in_channels", inChannels == packedOutChannels(),
                "patch_size^2 out_channels = " + packedOutChannels());
        boolean even = axesDimsRope.length == 3;
        int sum = 0;
        for (final int axis : axesDimsRope) {
            even &= axis > 0 && axis % 2 == 0;
            sum += axis;
        }
        config.require("axes_dims_rope", even && sum == attentionHeadDim,
                "three even numbers whose sum is attention_head_dim, " + attentionHeadDim);
    }
}
