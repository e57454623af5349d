package io.qwenimage.diffusion;

/**
 * Single-precision logarithm, sine and cosine by the polynomials of the Cephes library, rounded where torch's AVX2
 * kernel rounds: a product that feeds a sum is fused with it. That kernel fills {@code torch.randn} on x86 processors
 * with AVX2, so its last bits are part of what a seed means.
 */
final class CephesFloat {
    private static final float SQRT_HALF = 0.70710677f;
    private static final float FOUR_OVER_PI = 1.2732395f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float[] LOGARITHM = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
        -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f,
        3.3333331174e-1f};
    /** Pi / 4 in three parts, the first two with few bits so that their multiples are exact. */
    private static final float[] QUARTER_PI = {0.78515625f, 2.4187564849853515625e-4f, 3.77489497744594108e-8f};
    private static final float[] SINE = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
    private static final float[] COSINE = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};

    private CephesFloat() {
    }

    /** Natural logarithm of a positive, normal number. */
    static float log(final float value) {
        final int bits = Float.floatToRawIntBits(value);
        float exponent = (bits >>> 23) - 126;
        float x = Float.intBitsToFloat(bits & 0x007fffff | 0x3f000000);
        if (x < SQRT_HALF) {
            exponent -= 1;
            x = x - 1 + x;
        } else {
            x = x - 1;
        }
        final float square = x * x;
        final float series = Math.fma(polynomial(LOGARITHM, x) * x, square, exponent * LN2_LOW);
        final float y = Math.fma(-square, 0.5f, series);
        return Math.fma(exponent, LN2_HIGH, x + y);
    }

    /** Sine of an angle between 0 and 8192 radians. */
    static float sin(final float angle) {
        final int octant = octant(angle);
        final float x = reduce(angle, octant);
        final float value = (octant & 2) == 0 ? sinePolynomial(x) : cosinePolynomial(x);
        return (octant & 4) == 0 ? value : -value;
    }

    /** Cosine of an angle between 0 and 8192 radians. */
    static float cos(final float angle) {
        final int octant = octant(angle);
        final float x = reduce(angle, octant);
        final float value = (octant & 2) == 0 ? cosinePolynomial(x) : sinePolynomial(x);
        return (octant - 2 & 4) == 0 ? -value : value;
    }

    private static int octant(final float angle) {
        return ((int) (angle * FOUR_OVER_PI) + 1) & ~1;
    }

    private static float reduce(final float angle, final int octant) {
        float x = angle;
        for (final float part : QUARTER_PI) {
            x = Math.fma(octant, -part, x);
        }
        return x;
    }

    private static float sinePolynomial(final float x) {
        return Math.fma(polynomial(SINE, x * x) * (x * x), x, x);
    }

    private static float cosinePolynomial(final float x) {
        final float square = x * x;
        return Math.fma(polynomial(COSINE, square) * square, square, -(square * 0.5f)) + 1;
    }

    private static float polynomial(final float[] coefficients, final float x) {
        float y = coefficients[0];
        for (int i = 1; i < coefficients.length; i++) {
            y = Math.fma(y, x, coefficients[i]);
        }
        return y;
    }
}
