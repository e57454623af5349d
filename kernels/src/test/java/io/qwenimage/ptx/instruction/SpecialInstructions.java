package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.DoubleUnaryOperator;

/**
 * The special functions {@code ex2 lg2 sin cos rsqrt tanh}. A device approximates them; the machine computes them in
 * double and rounds, which is within every bound that the PTX manual gives.
 */
final class SpecialInstructions {
    private static final double LN2 = Math.log(2);

    private SpecialInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("ex2", source -> special(source, SpecialInstructions::exp2));
        registry.add("lg2", source -> special(source, SpecialInstructions::log2));
        registry.add("sin", source -> special(source, Math::sin));
        registry.add("cos", source -> special(source, Math::cos));
        registry.add("tanh", source -> special(source, Math::tanh));
        registry.add("rsqrt", source -> special(source, value -> 1 / Math.sqrt(value)));
    }

    private static double exp2(final double value) {
        final double whole = Math.rint(value);
        if (!(Math.abs(whole) < 2000)) {
            return value > 0 ? Double.POSITIVE_INFINITY : value < 0 ? 0 : Double.NaN;
        }
        return Math.scalb(Math.exp((value - whole) * LN2), (int) whole);
    }

    private static double log2(final double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            return Math.log(value);
        }
        final int exponent = Math.getExponent(value);
        return exponent + Math.log(Math.scalb(value, -exponent)) / LN2;
    }

    private static Operation special(final InstructionSource source, final DoubleUnaryOperator function) {
        source.require("approx");
        for (final String type : new String[] {"f16", "f16x2", "bf16", "bf16x2"}) {
            if (source.modifiers().has(type)) {
                return halves(source, function);
            }
        }
        return FloatInstructions.approximation(source, function);
    }

    private static Operation halves(final InstructionSource source, final DoubleUnaryOperator function) {
        source.classify(InstructionClass.SPECIAL);
        final boolean flush = source.modifiers().take("ftz");
        final PtxType type = source.type();
        final boolean brain = type == PtxType.BF16 || type == PtxType.BF16X2;
        final int target = source.destination(source.operand(0), type);
        final int a = source.intSource(source.operand(1), type);
        if (type.bits() == 16) {
            return Lanes.ints(target, a, x -> half(x, brain, flush, function));
        }
        return Lanes.ints(target, a, x -> half(x & 0xffff, brain, flush, function)
            | half(x >>> 16, brain, flush, function) << 16);
    }

    private static int half(final int bits, final boolean brain, final boolean flush,
                            final DoubleUnaryOperator function) {
        if (brain) {
            return FloatFormat.BF16.encode(function.applyAsDouble(FloatInstructions.flush(Halves.fromBfloat(bits))),
                Rounding.NEAREST_EVEN);
        }
        final int input = flush && (bits & 0x7c00) == 0 ? bits & 0x8000 : bits;
        final int result = FloatFormat.F16.encode(function.applyAsDouble(Halves.fromHalf(input)),
            Rounding.NEAREST_EVEN);
        return flush && (result & 0x7c00) == 0 ? result & 0x8000 : result;
    }
}
