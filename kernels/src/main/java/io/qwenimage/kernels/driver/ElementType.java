package io.qwenimage.kernels.driver;

import java.util.Locale;

/** The element types of tensors in device memory. */
public enum ElementType {
    /** The upper half of a single-precision number. */
    BF16(2),
    /** IEEE 754 half precision. */
    F16(2),
    /** IEEE 754 single precision. */
    F32(4),
    /** Eight bits: sign, four of exponent, three of mantissa, no infinities ("e4m3fn"). */
    F8_E4M3(1),
    /** Eight bits: sign, five of exponent, two of mantissa: the upper half of half precision. */
    F8_E5M2(1),
    /** Signed 64-bit integer. */
    I64(8),
    /** Signed 32-bit integer. */
    I32(4),
    /** Unsigned byte. */
    U8(1);

    private final int bytes;

    ElementType(final int bytes) {
        this.bytes = bytes;
    }

    /** Size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** How kernels of this type are named: {@code rms_norm_bf16} is {@code rms_norm} for {@link #BF16}. */
    public String suffix() {
        return name().toLowerCase(Locale.ROOT);
    }
}
