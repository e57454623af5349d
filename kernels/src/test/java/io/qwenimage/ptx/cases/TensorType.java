package io.qwenimage.ptx.cases;

import io.qwenimage.ptx.number.FloatFormat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The element types of safetensors files. */
enum TensorType {
    F64(8), F32(4), F16(2), BF16(2), F8_E4M3(1), F8_E5M2(1), F8_E8M0(1),
    I64(8), I32(4), I16(2), I8(1), U64(8), U32(4), U16(2), U8(1), BOOL(1);

    private final int bytes;

    TensorType(final int bytes) {
        this.bytes = bytes;
    }

    static TensorType named(final String name) {
        for (final TensorType type : values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }

    int bytes() {
        return bytes;
    }

    boolean isFloat() {
        return ordinal() <= F8_E8M0.ordinal();
    }

    /** The bits of an element; narrow ones are sign-extended when they are signed. */
    long bits(final byte[] data, final int element) {
        final ByteBuffer buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        return switch (this) {
            case F64, I64, U64 -> buffer.getLong(8 * element);
            case F32, I32 -> buffer.getInt(4 * element);
            case U32 -> buffer.getInt(4 * element) & 0xffffffffL;
            case I16 -> buffer.getShort(2 * element);
            case F16, BF16, U16 -> buffer.getShort(2 * element) & 0xffff;
            case I8 -> data[element];
            case F8_E4M3, F8_E5M2, F8_E8M0, U8, BOOL -> data[element] & 0xff;
        };
    }

    /** The element as a double; 64-bit integers are rounded. */
    double value(final byte[] data, final int element) {
        final long bits = bits(data, element);
        return switch (this) {
            case F64 -> Double.longBitsToDouble(bits);
            case F32 -> Float.intBitsToFloat((int) bits);
            case F16 -> FloatFormat.F16.decode((int) bits);
            case BF16 -> FloatFormat.BF16.decode((int) bits);
            case F8_E4M3 -> FloatFormat.E4M3.decode((int) bits);
            case F8_E5M2 -> FloatFormat.E5M2.decode((int) bits);
            // A power of two, or NaN where all bits are set.
            case F8_E8M0 -> bits == 0xff ? Double.NaN : Math.scalb(1.0, (int) bits - 127);
            case U64 -> bits >= 0 ? bits : (double) (bits >>> 1) * 2 + (bits & 1);
            default -> bits;
        };
    }

    /** The element as text, for messages. */
    String text(final byte[] data, final int element) {
        if (isFloat()) {
            return String.valueOf(this == F32 || this == F64 ? value(data, element) : (float) value(data, element));
        }
        return this == U64 ? Long.toUnsignedString(bits(data, element)) : String.valueOf(bits(data, element));
    }
}
