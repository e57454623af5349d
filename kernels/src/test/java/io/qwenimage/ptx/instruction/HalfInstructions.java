package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.number.ExactArithmetic;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;

/**
 * Arithmetic in FP16 and BF16, single and packed: {@code add sub mul fma abs neg min max}. Every result is rounded
 * once: sums and products of halves are exact in double, or rounded to odd there.
 */
final class HalfInstructions {
    private HalfInstructions() {
    }

    static Operation add(final InstructionSource source) {
        return rounded(source, InstructionClass.FLOAT, 3, (a, b, c) -> a + b);
    }

    static Operation subtract(final InstructionSource source) {
        return rounded(source, InstructionClass.FLOAT, 3, (a, b, c) -> a - b);
    }

    static Operation multiply(final InstructionSource source) {
        return rounded(source, InstructionClass.FLOAT, 3, (a, b, c) -> a * b);
    }

    static Operation multiplyAdd(final InstructionSource source) {
        source.countMultiplyAdds(source.modifiers().has("f16x2") || source.modifiers().has("bf16x2") ? 2 : 1);
        return rounded(source, InstructionClass.FMA, 4, (a, b, c) -> ExactArithmetic.sumToOdd(a * b, c));
    }

    static Operation absolute(final InstructionSource source) {
        return signs(source, 0x7fff, 0);
    }

    static Operation negate(final InstructionSource source) {
        return signs(source, 0xffff, 0x8000);
    }

    static Operation minimum(final InstructionSource source) {
        return extreme(source, true);
    }

    static Operation maximum(final InstructionSource source) {
        return extreme(source, false);
    }

    private static Operation rounded(final InstructionSource source, final InstructionClass of, final int operands,
                                     final Function function) {
        source.classify(of);
        source.requireOperands(operands, operands);
        source.modifiers().ignore("rn");
        final boolean flush = source.modifiers().take("ftz");
        final boolean saturate = source.modifiers().take("sat");
        final boolean relu = source.modifiers().take("relu");
        final PtxType type = source.type();
        final FloatFormat format = format(type);
        return each(source, type, operands, (a, b, c) -> {
            final double value = function.apply(decode(format, a, flush), decode(format, b, flush),
                decode(format, c, flush));
            if (saturate) {
                return format.encode(value > 0 ? Math.min(value, 1) : 0, Rounding.NEAREST_EVEN);
            }
            final int result = format.encode(relu && value < 0 ? 0 : value, Rounding.NEAREST_EVEN);
            return flush && format == FloatFormat.F16 && (result & 0x7c00) == 0 ? result & 0x8000 : result;
        });
    }

    private static Operation signs(final InstructionSource source, final int and, final int xor) {
        source.classify(InstructionClass.FLOAT);
        source.requireOperands(2, 2);
        final boolean flush = source.modifiers().take("ftz");
        final PtxType type = source.type();
        final boolean flushes = flush && format(type) == FloatFormat.F16;
        return each(source, type, 2, (a, b, c) -> (flushes && (a & 0x7c00) == 0 ? a & 0x8000 : a) & and ^ xor);
    }

    private static Operation extreme(final InstructionSource source, final boolean least) {
        source.classify(InstructionClass.FLOAT);
        source.requireOperands(3, 3);
        final boolean flush = source.modifiers().take("ftz");
        final boolean propagates = source.modifiers().take("NaN");
        final boolean signs = source.modifiers().take("xorsign");
        final boolean absolute = source.modifiers().take("abs");
        final PtxType type = source.type();
        final FloatFormat format = format(type);
        return each(source, type, 3, (a, b, c) -> {
            final double x = decode(format, absolute ? a & 0x7fff : a, flush);
            final double y = decode(format, absolute ? b & 0x7fff : b, flush);
            final int result = format.encode(FloatInstructions.extreme(x, y, least, propagates), Rounding.NEAREST_EVEN);
            return signs ? result & 0x7fff | (a ^ b) & 0x8000 : result;
        });
    }

    private static FloatFormat format(final PtxType type) {
        return type == PtxType.BF16 || type == PtxType.BF16X2 ? FloatFormat.BF16 : FloatFormat.F16;
    }

    private static double decode(final FloatFormat format, final int bits, final boolean flush) {
        if (format == FloatFormat.BF16) {
            return Halves.fromBfloat(bits);
        }
        return Halves.fromHalf(flush && (bits & 0x7c00) == 0 ? bits & 0x8000 : bits);
    }

    /** Applies the function of 16-bit values to one half or to both. */
    private static Operation each(final InstructionSource source, final PtxType type, final int operands,
                                  final Lanes.IntTernary function) {
        final int target = source.destination(source.operand(0), type);
        final int a = source.intSource(source.operand(1), type);
        final int b = operands > 2 ? source.intSource(source.operand(2), type) : a;
        final int c = operands > 3 ? source.intSource(source.operand(3), type) : a;
        if (type.bits() == 16) {
            return Lanes.ints(target, a, b, c, function);
        }
        return Lanes.ints(target, a, b, c, (x, y, z) -> function.apply(x & 0xffff, y & 0xffff, z & 0xffff)
            | function.apply(x >>> 16, y >>> 16, z >>> 16) << 16);
    }

    /** A function of up to three values. */
    @FunctionalInterface
    private interface Function {
        double apply(double a, double b, double c);
    }
}
