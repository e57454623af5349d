package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.DoubleBinaryOperator;

/** What an atomic instruction makes of the old value. */
@FunctionalInterface
interface AtomicFunction {
    /**
     * The new value.
     *
     * @param old bits in memory
     * @param value the instruction's operand; of a compare-and-swap what is compared with
     * @param swap what a compare-and-swap puts in place of an equal value
     * @param flushes whether subnormal FP32 values count as zero, as they do in global memory
     */
    long apply(long old, long value, long swap, boolean flushes);

    static AtomicFunction of(final InstructionSource source, final String name, final PtxType type) {
        final boolean wide = type.bits() == 64;
        final boolean signed = type.isSigned();
        return switch (name) {
            case "and" -> (old, value, swap, flushes) -> old & value;
            case "or" -> (old, value, swap, flushes) -> old | value;
            case "xor" -> (old, value, swap, flushes) -> old ^ value;
            case "exch" -> (old, value, swap, flushes) -> value;
            case "cas" -> type.bits() == 16
                ? (old, value, swap, flushes) -> (old & 0xffff) == (value & 0xffff) ? swap : old
                : (old, value, swap, flushes) -> old == value ? swap : old;
            case "inc" -> (old, value, swap, flushes) ->
                Integer.compareUnsigned((int) old, (int) value) >= 0 ? 0 : old + 1;
            case "dec" -> (old, value, swap, flushes) ->
                old == 0 || Integer.compareUnsigned((int) old, (int) value) > 0 ? value : old - 1;
            case "add" -> sum(source, type);
            default -> extreme(source, name.equals("min"), type, wide, signed);
        };
    }

    private static AtomicFunction sum(final InstructionSource source, final PtxType type) {
        return switch (type) {
            case U32, S32, U64, S64 -> (old, value, swap, flushes) -> old + value;
            case F32 -> (old, value, swap, flushes) -> {
                final float a = Float.intBitsToFloat((int) old);
                final float b = Float.intBitsToFloat((int) value);
                return Float.floatToRawIntBits(flushes
                    ? FloatInstructions.flush(FloatInstructions.flush(a) + FloatInstructions.flush(b)) : a + b);
            };
            case F64 -> (old, value, swap, flushes) -> Double.doubleToRawLongBits(
                Double.longBitsToDouble(old) + Double.longBitsToDouble(value));
            case F16, F16X2 -> halves(FloatFormat.F16, type.bits(), Double::sum);
            case BF16, BF16X2 -> halves(FloatFormat.BF16, type.bits(), Double::sum);
            default -> throw source.unsupported("an atomic sum of type " + type);
        };
    }

    private static AtomicFunction extreme(final InstructionSource source, final boolean least, final PtxType type,
                                          final boolean wide, final boolean signed) {
        if (type.kind() == PtxType.Kind.SIGNED || type.kind() == PtxType.Kind.UNSIGNED) {
            return (old, value, swap, flushes) -> {
                final int order = signed ? wide ? Long.compare(old, value) : Integer.compare((int) old, (int) value)
                    : wide ? Long.compareUnsigned(old, value) : Integer.compareUnsigned((int) old, (int) value);
                return order < 0 == least ? old : value;
            };
        }
        return switch (type) {
            case F16, F16X2 -> halves(FloatFormat.F16, type.bits(),
                (a, b) -> FloatInstructions.extreme(a, b, least, false));
            case BF16, BF16X2 -> halves(FloatFormat.BF16, type.bits(),
                (a, b) -> FloatInstructions.extreme(a, b, least, false));
            default -> throw source.unsupported("an atomic minimum or maximum of type " + type);
        };
    }

    private static AtomicFunction halves(final FloatFormat format, final int bits,
                                         final DoubleBinaryOperator function) {
        return (old, value, swap, flushes) -> {
            long result = 0;
            for (int shift = 0; shift < bits; shift += 16) {
                final double a = format.decode((int) (old >>> shift) & 0xffff);
                final double b = format.decode((int) (value >>> shift) & 0xffff);
                result |= (long) format.encode(function.applyAsDouble(a, b), Rounding.NEAREST_EVEN) << shift;
            }
            return result;
        };
    }
}
