package io.qwenimage.ptx.number;

/**
 * A floating-point format of at most 32 bits: sign, exponent and fraction from the top.
 * {@link #encode} rounds once, from a double.
 */
public enum FloatFormat {
    F32(8, 23, true, 0x7fffffff),
    F16(5, 10, true, 0x7fff),
    BF16(8, 7, true, 0x7fff),
    /** FP32 with a fraction of 10 bits, kept in the upper bits of 32. */
    TF32(8, 10, true, 0x3ffff),
    /** Without infinities; only all ones is NaN, so that 448 is the greatest value. */
    E4M3(4, 3, false, 0x7f),
    E5M2(5, 2, true, 0x7f);

    private final int exponentBits;
    private final int fractionBits;
    private final boolean infinite;
    private final int nan;
    private final int bias;

    FloatFormat(final int exponentBits, final int fractionBits, final boolean infinite, final int nan) {
        this.exponentBits = exponentBits;
        this.fractionBits = fractionBits;
        this.infinite = infinite;
        this.nan = nan;
        this.bias = (1 << exponentBits - 1) - 1;
    }

    /** Bits of the canonical NaN. */
    public int nan() {
        return nan;
    }

    /** Bits of the greatest finite value. */
    public int greatest() {
        return infinite ? ((1 << exponentBits) - 1 << fractionBits) - 1 : nan - 1;
    }

    /**
     * Bits of the value nearest to the given one by the rounding; out of range is infinity, or NaN where there is none.
     */
    public int encode(final double value, final Rounding rounding) {
        return encode(value, rounding, false);
    }

    /**
     * Bits of the value nearest to the given one by the rounding.
     *
     * @param saturate whether what is out of range, infinities included, becomes the greatest finite value
     */
    public int encode(final double value, final Rounding rounding, final boolean saturate) {
        final long bits = Double.doubleToRawLongBits(value);
        final boolean negative = bits < 0;
        final int sign = negative ? 1 << exponentBits + fractionBits : 0;
        if (value != value) {
            return nan;
        }
        if (Double.isInfinite(value)) {
            return saturate ? sign | greatest() : overflow(sign, true, rounding, negative);
        }
        if (value == 0) {
            return sign;
        }
        final int exponent = Math.getExponent(value);
        // A subnormal double is less than a quarter of every format's smallest value: its place below does not matter.
        final long fraction = bits & (1L << 52) - 1 | (exponent >= Double.MIN_EXPONENT ? 1L << 52 : 0);
        final int shift = 52 - fractionBits + Math.max(0, 1 - bias - exponent);
        final int magnitude = round(fraction, shift, exponent, rounding, negative);
        final int infinity = infinite ? (1 << exponentBits) - 1 << fractionBits : nan;
        if (magnitude >= infinity) {
            return saturate ? sign | greatest() : overflow(sign, false, rounding, negative);
        }
        return sign | magnitude;
    }

    /** The value of the bits. */
    public double decode(final int bits) {
        final int fraction = bits & (1 << fractionBits) - 1;
        final int exponent = bits >>> fractionBits & (1 << exponentBits) - 1;
        final boolean negative = (bits >>> exponentBits + fractionBits & 1) != 0;
        final double magnitude;
        if (infinite && exponent == (1 << exponentBits) - 1) {
            magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        } else if (!infinite && (bits & nan) == nan) {
            magnitude = Double.NaN;
        } else if (exponent == 0) {
            magnitude = fraction * Math.scalb(1.0, 1 - bias - fractionBits);
        } else {
            magnitude = (1 + fraction * Math.scalb(1.0, -fractionBits)) * Math.scalb(1.0, exponent - bias);
        }
        return negative ? -magnitude : magnitude;
    }

    private int round(final long fraction, final int shift, final int exponent, final Rounding rounding,
                      final boolean negative) {
        final int biased = Math.max(0, exponent + bias - 1);
        if (shift > 60) {
            return rounding.increases(negative, false, -1) ? 1 : 0;
        }
        final long kept = fraction >>> shift;
        final long dropped = fraction & (1L << shift) - 1;
        // The hidden bit of a normal value adds one to the biased exponent; a carry out of the fraction another.
        long magnitude = ((long) biased << fractionBits) + kept;
        if (dropped != 0 && rounding.increases(negative, (kept & 1) != 0, Long.compare(dropped, 1L << shift - 1))) {
            magnitude++;
        }
        return (int) Math.min(magnitude, Integer.MAX_VALUE);
    }

    private int overflow(final int sign, final boolean infinity, final Rounding rounding, final boolean negative) {
        if (!infinite) {
            return sign | nan;
        }
        final boolean nearest = rounding == Rounding.NEAREST_EVEN || rounding == Rounding.NEAREST_AWAY;
        if (infinity || nearest || rounding.increases(negative, true, 1)) {
            return sign | (1 << exponentBits) - 1 << fractionBits;
        }
        return sign | greatest();
    }
}
