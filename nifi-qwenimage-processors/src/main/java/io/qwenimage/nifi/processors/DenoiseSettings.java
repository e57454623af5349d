package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ModelCard;
import java.math.BigDecimal;
import java.security.SecureRandom;

/**
 * What a FlowFile asks of Denoise; what it leaves open is null, except the seed, which is drawn.
 *
 * @param width        in pixels
 * @param height       in pixels
 * @param steps        of denoising
 * @param trueCfgScale of guidance
 * @param seed         of the first picture
 * @param strength     how far image-to-image goes from its picture
 * @param pictures     how many
 */
record DenoiseSettings(Integer width, Integer height, Integer steps, Double trueCfgScale, long seed, double strength,
        int pictures) {
    static final NumberRange SIZES = NumberRange.whole(1, 8192);
    static final NumberRange STEPS = NumberRange.whole(1, 1000);
    static final NumberRange SCALES = NumberRange.real(0, 100);
    static final NumberRange STRENGTHS = NumberRange.real(0, 1);
    static final NumberRange SEEDS = NumberRange.whole(Long.MIN_VALUE, Long.MAX_VALUE);
    static final NumberRange PICTURES = NumberRange.whole(1, 1000);

    /** A drawn seed is below this: torch's generator reads 32 bits of a seed. */
    private static final long DRAWN_SEEDS = 1L << 32;

    /**
     * Reads the values of Denoise's properties.
     *
     * @throws io.qwenimage.pipeline.DataException if one is outside its range
     */
    static DenoiseSettings read(final StageAttributes.Values values) {
        final BigDecimal width = SIZES.read("Width", values.of(Denoise.WIDTH));
        final BigDecimal height = SIZES.read("Height", values.of(Denoise.HEIGHT));
        final BigDecimal steps = STEPS.read("Steps", values.of(Denoise.STEPS));
        final BigDecimal scale = SCALES.read("True CFG Scale", values.of(Denoise.TRUE_CFG_SCALE));
        final BigDecimal seed = SEEDS.read("Seed", values.of(Denoise.SEED));
        final BigDecimal strength = STRENGTHS.read("Strength", values.of(Denoise.STRENGTH));
        final BigDecimal pictures = PICTURES.read("Pictures per Prompt", values.of(Denoise.PICTURES_PER_PROMPT));
        return new DenoiseSettings(
                width == null ? null : width.intValue(),
                height == null ? null : height.intValue(),
                steps == null ? null : steps.intValue(),
                scale == null ? null : scale.doubleValue(),
                seed == null ? new SecureRandom().nextLong(DRAWN_SEEDS) : seed.longValue(),
                strength == null ? DenoiseRequest.DEFAULT_STRENGTH : strength.doubleValue(),
                pictures == null ? 1 : pictures.intValue());
    }

    /** The request for one picture; what is left open is what the model recommends. */
    DenoiseRequest request(final ModelCard card, final int picture) {
        return new DenoiseRequest(
                width == null ? DenoiseRequest.AUTOMATIC : width,
                height == null ? DenoiseRequest.AUTOMATIC : height,
                steps == null ? card.defaultSteps() : steps,
                trueCfgScale == null ? card.defaultTrueCfgScale() : trueCfgScale,
                seed + picture, strength);
    }
}
