package io.qwenimage.ptx.number;

/** Fast conversions of the two formats of 16 bits. */
public final class Halves {
    private Halves() {
    }

    public static float fromHalf(final int bits) {
        return Float.float16ToFloat((short) bits);
    }

    public static float fromBfloat(final int bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** To FP16, to the nearest, ties to even; NaN becomes the canonical one. */
    public static int toHalf(final float value) {
        return value != value ? 0x7fff : Float.floatToFloat16(value) & 0xffff;
    }

    /** To BF16, to the nearest, ties to even; NaN becomes the canonical one. */
    public static int toBfloat(final float value) {
        if (value != value) {
            return 0x7fff;
        }
        final int bits = Float.floatToRawIntBits(value);
        return bits + 0x7fff + (bits >>> 16 & 1) >>> 16;
    }
}
