package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.text.PtxType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What a reducing bulk copy does to each element.
 *
 * @param operation {@code add}, {@code min}, {@code max}, {@code inc}, {@code dec}, {@code and}, {@code or}, {@code
 *     xor}
 * @param type type of the elements
 */
record BulkReduction(String operation, PtxType type) {

    /** The element type that a tensor map gives to a reduction. */
    static BulkReduction of(final String operation, final TensorElement element) {
        return new BulkReduction(operation, switch (element) {
            case U8 -> PtxType.U8;
            case U16 -> PtxType.U16;
            case U32 -> PtxType.U32;
            case S32 -> PtxType.S32;
            case U64 -> PtxType.U64;
            case S64 -> PtxType.S64;
            case F16 -> PtxType.F16;
            case BF16 -> PtxType.BF16;
            case F64 -> PtxType.F64;
            case F32, F32_FTZ, TF32, TF32_FTZ -> PtxType.F32;
        });
    }

    /** Combines a run of elements into a target. */
    void apply(final byte[] target, final int to, final byte[] source, final int from, final int bytes) {
        final ByteBuffer left = ByteBuffer.wrap(target).order(ByteOrder.LITTLE_ENDIAN);
        final ByteBuffer right = ByteBuffer.wrap(source).order(ByteOrder.LITTLE_ENDIAN);
        final int width = type.bytes();
        for (int i = 0; i < bytes; i += width) {
            switch (width) {
                case 1 -> left.put(to + i, (byte) combine(left.get(to + i), right.get(from + i)));
                case 2 -> left.putShort(to + i, (short) combine(left.getShort(to + i), right.getShort(from + i)));
                case 4 -> left.putInt(to + i, (int) combine(left.getInt(to + i), right.getInt(from + i)));
                default -> left.putLong(to + i, combine(left.getLong(to + i), right.getLong(from + i)));
            }
        }
    }

    /** Combines the bits of two elements, which come sign-extended. */
    private long combine(final long a, final long b) {
        return switch (operation) {
            case "and" -> a & b;
            case "or" -> a | b;
            case "xor" -> a ^ b;
            case "inc" -> Long.compareUnsigned(a & 0xffff_ffffL, b & 0xffff_ffffL) >= 0 ? 0 : a + 1;
            case "dec" -> (int) a == 0 || Integer.compareUnsigned((int) a, (int) b) > 0 ? b : a - 1;
            default -> type.isFloat() ? combineFloats(a, b) : combineIntegers(a, b);
        };
    }

    private long combineIntegers(final long a, final long b) {
        if (operation.equals("add")) {
            return a + b;
        }
        final boolean less = type.isSigned() ? a < b : Long.compareUnsigned(a, b) < 0;
        return less == operation.equals("min") ? a : b;
    }

    private long combineFloats(final long a, final long b) {
        return switch (type) {
            case F64 -> Double.doubleToRawLongBits(combine(Double.longBitsToDouble(a), Double.longBitsToDouble(b)));
            case F32 -> Float.floatToRawIntBits((float) combine(Float.intBitsToFloat((int) a),
                Float.intBitsToFloat((int) b)));
            case F16 -> Float.floatToFloat16((float) combine(Float.float16ToFloat((short) a),
                Float.float16ToFloat((short) b)));
            default -> {
                final float sum = (float) combine(Float.intBitsToFloat((int) a << 16),
                    Float.intBitsToFloat((int) b << 16));
                final int bits = Float.floatToRawIntBits(sum);
                yield bits + 0x7fff + (bits >>> 16 & 1) >> 16;
            }
        };
    }

    private double combine(final double a, final double b) {
        return switch (operation) {
            case "add" -> a + b;
            case "min" -> Math.min(a, b);
            case "max" -> Math.max(a, b);
            default -> throw new IllegalStateException("reduction ." + operation + " of " + type);
        };
    }
}
