package io.qwenimage.tensor;

/** The element types of tensors, with the names that the safetensors format gives them. */
public enum DType {
    /** IEEE 754 single precision. */
    F32(4),
    /** IEEE 754 half precision. */
    F16(2),
    /** The upper half of a single-precision number. */
    BF16(2),
    /** Eight bits: sign, four of exponent, three of mantissa, no infinities ("e4m3fn"). */
    F8_E4M3(1),
    /** Signed 64-bit integer. */
    I64(8),
    /** Signed 32-bit integer. */
    I32(4),
    /** Unsigned byte. */
    U8(1);

    private final int bytes;

    DType(final int bytes) {
        this.bytes = bytes;
    }

    /** Size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** Whether elements are real numbers, as opposed to integers. */
    public boolean isFloating() {
        return switch (this) {
            case F32, F16, BF16, F8_E4M3 -> true;
            case I64, I32, U8 -> false;
        };
    }
}
