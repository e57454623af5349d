package io.qwenimage.diffusion;

/**
 * Draws the numbers of torch's CPU generator: {@code torch.randn(count, generator=torch.Generator().manual_seed(seed))}
 * in F32. A generator belongs to one thread; consecutive draws continue one stream, as in torch.
 *
 * <p>From 16 values on the result has the very bits of torch on an x86 processor with AVX2 (every one since 2015);
 * torch on other processors uses their mathematics library and differs from that by up to 2.3e-6. Below 16 values
 * torch computes in double precision on every processor.
 *
 * <p>Source: {@code aten/src/ATen/native/cpu/DistributionTemplates.h} and
 * {@code aten/src/ATen/core/DistributionsHelper.h} of PyTorch.
 */
public final class TorchGenerator {
    /** Values that torch transforms together: eight radii, eight angles. */
    private static final int BLOCK = 16;
    private static final int HALF = BLOCK / 2;
    private static final float TWO_PI = (float) (2 * Math.PI);

    private final MersenneTwister engine;
    /** The second value of the last pair drawn one by one; NaN if there is none. */
    private double cachedNormal = Double.NaN;

    /**
     * A generator after {@code manual_seed(seed)}.
     *
     * @param seed any 64 bits, read as torch reads them: negative numbers stand for 2^64 + seed, and the engine sees
     *             the lower 32 bits only
     */
    public TorchGenerator(final long seed) {
        engine = new MersenneTwister((int) seed);
    }

    /**
     * Normally distributed numbers of mean 0 and deviation 1, F32.
     *
     * @throws IllegalArgumentException if count is negative
     */
    public float[] normal(final int count) {
        if (count < 0) {
            throw new IllegalArgumentException("cannot draw " + count + " numbers; the count must be 0 or more");
        }
        final float[] values = new float[count];
        if (count < BLOCK) {
            for (int i = 0; i < count; i++) {
                values[i] = (float) nextNormal();
            }
            return values;
        }
        fillUniform(values, 0);
        for (int i = 0; i + BLOCK <= count; i += BLOCK) {
            transform(values, i);
        }
        if (count % BLOCK != 0) {
            // The ragged end is drawn anew, over values that are already transformed.
            fillUniform(values, count - BLOCK);
            transform(values, count - BLOCK);
        }
        return values;
    }

    private void fillUniform(final float[] values, final int from) {
        for (int i = from; i < values.length; i++) {
            values[i] = (engine.nextInt() & 0xffffff) * 0x1p-24f;
        }
    }

    /** Box-Muller over one block: value j gives the radius, value j + 8 the angle. */
    private static void transform(final float[] values, final int from) {
        for (int i = from; i < from + HALF; i++) {
            final float radius = (float) Math.sqrt(-2 * CephesFloat.log(1 - values[i]));
            final float angle = TWO_PI * values[i + HALF];
            values[i] = radius * CephesFloat.cos(angle);
            values[i + HALF] = radius * CephesFloat.sin(angle);
        }
    }

    private double nextNormal() {
        if (!Double.isNaN(cachedNormal)) {
            final double value = cachedNormal;
            cachedNormal = Double.NaN;
            return value;
        }
        final double angle = 2 * Math.PI * nextUniform();
        final double radius = Math.sqrt(-2 * Math.log1p(-nextUniform()));
        cachedNormal = radius * Math.sin(angle);
        return radius * Math.cos(angle);
    }

    private double nextUniform() {
        return (engine.nextLong() & (1L << 53) - 1) * 0x1p-53;
    }
}
