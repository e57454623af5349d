package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.text.PtxType;

/** Values of the narrow types that tensor cores multiply. */
public final class TensorFloat {
    private static final int E4M3_NAN = 0x7f;

    private TensorFloat() {
    }

    /** The value of an element given by its bits; integers too come as floats, which hold them exactly. */
    public static float value(final PtxType type, final int bits) {
        return switch (type) {
            case F16 -> Float.float16ToFloat((short) bits);
            case BF16 -> Float.intBitsToFloat(bits << 16);
            case TF32 -> Float.intBitsToFloat(bits & 0xffff_e000);
            case E4M3 -> e4m3(bits & 0xff);
            case E5M2 -> Float.float16ToFloat((short) (bits << 8));
            case S8 -> (byte) bits;
            case U8 -> bits & 0xff;
            default -> throw new IllegalArgumentException("tensor cores do not multiply " + type);
        };
    }

    /** 4 bits of exponent with bias 7, 3 of mantissa, no infinity, one NaN of each sign. */
    private static float e4m3(final int bits) {
        final int magnitude = bits & 0x7f;
        final float sign = bits > 0x7f ? -1 : 1;
        if (magnitude == E4M3_NAN) {
            return Float.NaN;
        }
        final int exponent = magnitude >> 3;
        final int mantissa = magnitude & 7;
        return exponent == 0 ? sign * mantissa * 0x1p-9f : sign * (8 + mantissa) * 0x1p-10f * (1 << exponent);
    }
}
