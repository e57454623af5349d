package io.qwenimage.model.qwenimagevae;

import io.qwenimage.model.ConfigFile;
import java.util.List;

/**
 * The autoencoder's {@code config.json}; defaults are those of {@code AutoencoderKLQwenImage.__init__} of diffusers.
 *
 * @param baseDim       channels at full resolution
 * @param zDim          latent channels
 * @param dimMult       channels at each resolution, in multiples of {@code baseDim}
 * @param numResBlocks  residual blocks at each resolution
 * @param attnScales    scales at which the encoder has attention
 * @param levels        how many times height and width are halved
 * @param inputChannels channels of a picture
 * @param latentsMean   mean of each latent channel
 * @param latentsStd    standard deviation of each latent channel
 */
public record QwenImageVaeConfig(int baseDim, int zDim, int[] dimMult, int numResBlocks, double[] attnScales,
        int levels, int inputChannels, double[] latentsMean, double[] latentsStd) {
    private static final double[] MEAN = {-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134,
        -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921};
    private static final double[] STD = {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687,
        2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160};

    /**
     * Reads and checks a config.
     *
     * @throws io.qwenimage.weights.WeightException if a value is not one that this model computes
     */
    public static QwenImageVaeConfig read(final ConfigFile config) {
        final QwenImageVaeConfig result = new QwenImageVaeConfig(
                config.countAt("base_dim", 96),
                config.countAt("z_dim", 16),
                config.intsAt("dim_mult", 1, 2, 4, 4),
                config.countAt("num_res_blocks", 2),
                config.has("attn_scales") ? config.doublesAt("attn_scales") : new double[0],
                config.booleansAt("temperal_downsample", List.of(false, true, true)).size(),
                config.countAt("input_channels", 3),
                config.doublesAt("latents_mean", MEAN),
                config.doublesAt("latents_std", STD));
        result.check(config);
        return result;
    }

    /** Pixels per latent along one side: 8 as published. */
    public int spatialCompression() {
        return 1 << levels;
    }

    private void check(final ConfigFile config) {
        config.require("input_channels", inputChannels == 3, "3");
        boolean positive = true;
        for (final int multiple : dimMult) {
            positive &= multiple > 0;
        }
        config.require("dim_mult", positive && dimMult.length >= 2, "two or more positive numbers");
        config.require("temperal_downsample", levels == dimMult.length - 1,
                "one entry less than dim_mult, " + (dimMult.length - 1));
        config.require("latents_mean", latentsMean.length == zDim, "z_dim = " + zDim + " numbers");
        boolean deviates = latentsStd.length == zDim;
        for (final double deviation : latentsStd) {
            deviates &= deviation > 0;
        }
        config.require("latents_std", deviates, "z_dim = " + zDim + " positive numbers");
    }
}
