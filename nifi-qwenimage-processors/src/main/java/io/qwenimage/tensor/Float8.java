package io.qwenimage.tensor;

/**
 * The eight-bit number format E4M3FN: one sign bit, four exponent bits with bias 7, three mantissa bits, no
 * infinities, NaN where all other bits are set. See "FP8 Formats for Deep Learning", arXiv 2209.05433, table 1.
 */
public final class Float8 {
    private static final int EXPONENT_BIAS = 7;
    private static final int MANTISSA_BITS = 3;

    private Float8() {
    }

    /** The value of an E4M3FN number. */
    public static float toFloat(final byte bits) {
        final int exponent = bits >> MANTISSA_BITS & 0xF;
        final int mantissa = bits & 0x7;
        final float sign = bits < 0 ? -1f : 1f;
        if (exponent == 0xF && mantissa == 0x7) {
            return Float.NaN;
        }
        if (exponent == 0) {
            return sign * Math.scalb((float) mantissa, 1 - EXPONENT_BIAS - MANTISSA_BITS);
        }
        return sign * Math.scalb((float) (8 + mantissa), exponent - EXPONENT_BIAS - MANTISSA_BITS);
    }
}
