package io.qwenimage.ptx.tensor;

/** Element types of a tensor map, by the numbers that {@code tensormap.replace ... elemtype} uses. */
public enum TensorElement {
    U8(0, 0, 1), U16(1, 1, 2), U32(2, 2, 4), S32(3, 3, 4), U64(4, 4, 8), S64(5, 5, 8), F16(6, 6, 2), F32(7, 7, 4),
    F32_FTZ(8, 10, 4), F64(9, 8, 8), BF16(10, 9, 2), TF32(11, 11, 4), TF32_FTZ(12, 12, 4);

    private final int code;
    private final int driverCode;
    private final int bytes;

    TensorElement(final int code, final int driverCode, final int bytes) {
        this.code = code;
        this.driverCode = driverCode;
        this.bytes = bytes;
    }

    /** The type with a number of the instruction set; the sub-byte types of later devices are refused. */
    public static TensorElement ofCode(final int code) {
        for (final TensorElement element : values()) {
            if (element.code == code) {
                return element;
            }
        }
        throw new IllegalArgumentException("tensor map element type " + code + " is not known: 0 to 12 are");
    }

    /** The type with a number of the driver's {@code CUtensorMapDataType}, which orders some differently. */
    public static TensorElement ofDriver(final int driverCode) {
        for (final TensorElement element : values()) {
            if (element.driverCode == driverCode) {
                return element;
            }
        }
        throw new IllegalArgumentException("CUtensorMapDataType " + driverCode + " is not known: 0 to 12 are");
    }

    public int code() {
        return code;
    }

    public int bytes() {
        return bytes;
    }

    public boolean isFloat() {
        return switch (this) {
            case F16, F32, F32_FTZ, F64, BF16, TF32, TF32_FTZ -> true;
            default -> false;
        };
    }

    /** The bits that fill what lies outside the tensor when NaN is asked for. */
    long notANumber() {
        return switch (this) {
            case F16, BF16 -> 0x7fff;
            case F32, F32_FTZ, TF32, TF32_FTZ -> 0x7fff_ffff;
            case F64 -> 0x7fff_ffff_ffff_ffffL;
            default -> throw new IllegalStateException(this + " has no NaN");
        };
    }
}
