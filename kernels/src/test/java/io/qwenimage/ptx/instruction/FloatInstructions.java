package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.number.ExactArithmetic;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.DoubleUnaryOperator;

/**
 * Arithmetic in FP32 and FP64: {@code add sub mul fma mad div abs neg min max copysign rcp sqrt} with their roundings,
 * {@code .ftz} (subnormal inputs and results become zero) and {@code .sat} (clamped to 0..1, NaN becomes 0).
 */
final class FloatInstructions {
    private FloatInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("copysign", FloatInstructions::copySign);
        registry.add("rcp", FloatInstructions::reciprocal);
        registry.add("sqrt", FloatInstructions::squareRoot);
    }

    /** Zero of the same sign for a subnormal value. */
    static float flush(final float value) {
        return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0.0f, value) : value;
    }

    static Operation add(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 3);
        if (form.type == PtxType.F32X2) {
            return pairs(source, form, 3, (a, b, c) -> form.narrow(a, 1, b));
        }
        if (form.type == PtxType.F64) {
            return doubles(source, 3, (a, b, c) -> ExactArithmetic.fma(a, 1, b, form.rounding));
        }
        if (form.isPlain()) {
            return floats(source, form, 3, (a, b, c) -> a + b);
        }
        return floats(source, form, 3, (a, b, c) -> form.narrow(a, 1, b));
    }

    static Operation subtract(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 3);
        if (form.type == PtxType.F32X2) {
            return pairs(source, form, 3, (a, b, c) -> form.narrow(a, 1, -b));
        }
        if (form.type == PtxType.F64) {
            return doubles(source, 3, (a, b, c) -> ExactArithmetic.fma(a, 1, -b, form.rounding));
        }
        if (form.isPlain()) {
            return floats(source, form, 3, (a, b, c) -> a - b);
        }
        return floats(source, form, 3, (a, b, c) -> form.narrow(a, 1, -b));
    }

    static Operation multiply(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 3);
        if (form.type == PtxType.F32X2) {
            return pairs(source, form, 3, (a, b, c) -> form.multiply(a, b));
        }
        if (form.type == PtxType.F64) {
            return doubles(source, 3, (a, b, c) -> form.rounding == Rounding.NEAREST_EVEN ? a * b
                : ExactArithmetic.fma(a, b, Math.copySign(0.0, a * b), form.rounding));
        }
        return form.isPlain() ? floats(source, form, 3, (a, b, c) -> a * b) : floats(source, form, 3,
            (a, b, c) -> form.multiply(a, b));
    }

    static Operation multiplyAdd(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FMA, 4);
        source.countMultiplyAdds(form.type == PtxType.F32X2 ? 2 : 1);
        if (form.type == PtxType.F32X2) {
            return pairs(source, form, 4, form::narrow);
        }
        if (form.type == PtxType.F64) {
            return doubles(source, 4, (a, b, c) -> ExactArithmetic.fma(a, b, c, form.rounding));
        }
        return form.isPlain() ? floats(source, form, 4, Math::fma) : floats(source, form, 4, form::narrow);
    }

    static Operation divide(final InstructionSource source) {
        final boolean approximate = source.modifiers().take("approx") | source.modifiers().take("full");
        final Form form = form(source, approximate ? InstructionClass.SPECIAL : InstructionClass.FLOAT, 3);
        if (form.type == PtxType.F64) {
            return doubles(source, 3, (a, b, c) -> ExactArithmetic.divide(a, b, form.rounding));
        }
        return floats(source, form, 3, (a, b, c) -> ExactArithmetic.divide(a, b, form.rounding));
    }

    static Operation absolute(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 2);
        return form.type == PtxType.F64 ? doubles(source, 2, (a, b, c) -> Math.abs(a))
            : floats(source, form, 2, (a, b, c) -> Math.abs(a));
    }

    static Operation negate(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 2);
        return form.type == PtxType.F64 ? doubles(source, 2, (a, b, c) -> -a)
            : floats(source, form, 2, (a, b, c) -> -a);
    }

    static Operation minimum(final InstructionSource source) {
        return extreme(source, true);
    }

    static Operation maximum(final InstructionSource source) {
        return extreme(source, false);
    }

    /** Of two or three values; a NaN gives way to a number unless {@code .NaN} asks otherwise; -0 is less than +0. */
    private static Operation extreme(final InstructionSource source, final boolean least) {
        final boolean propagates = source.modifiers().take("NaN");
        final boolean signs = source.modifiers().take("xorsign");
        final boolean absolute = source.modifiers().take("abs");
        final int operands = source.operandCount();
        final Form form = form(source, InstructionClass.FLOAT, Math.max(3, Math.min(4, operands)));
        if (form.type == PtxType.F64) {
            return doubles(source, 3, (a, b, c) -> extreme(a, b, least, propagates));
        }
        return floats(source, form, operands, (a, b, c) -> {
            final float x = absolute ? Math.abs(a) : a;
            final float y = absolute ? Math.abs(b) : b;
            float result = (float) extreme(x, y, least, propagates);
            if (operands == 4) {
                result = (float) extreme(result, absolute ? Math.abs(c) : c, least, propagates);
            }
            if (signs && result == result) {
                final int sign = (Float.floatToRawIntBits(a) ^ Float.floatToRawIntBits(b)) & 0x80000000;
                result = Float.intBitsToFloat(Float.floatToRawIntBits(result) & 0x7fffffff | sign);
            }
            return result != result ? Float.intBitsToFloat(0x7fffffff) : result;
        });
    }

    static double extreme(final double a, final double b, final boolean least, final boolean propagates) {
        if (!propagates) {
            if (a != a) {
                return b;
            }
            if (b != b) {
                return a;
            }
        }
        return least ? Math.min(a, b) : Math.max(a, b);
    }

    /** The magnitude of the second with the sign of the first. */
    private static Operation copySign(final InstructionSource source) {
        final Form form = form(source, InstructionClass.FLOAT, 3);
        return form.type == PtxType.F64
            ? doubles(source, 3, (a, b, c) -> Double.longBitsToDouble(Double.doubleToRawLongBits(b) & Long.MAX_VALUE
                | Double.doubleToRawLongBits(a) & Long.MIN_VALUE))
            : floats(source, form, 3, (a, b, c) -> Float.intBitsToFloat(Float.floatToRawIntBits(b) & 0x7fffffff
                | Float.floatToRawIntBits(a) & 0x80000000));
    }

    private static Operation reciprocal(final InstructionSource source) {
        final boolean approximate = source.modifiers().take("approx");
        final Form form = form(source, approximate ? InstructionClass.SPECIAL : InstructionClass.FLOAT, 2);
        if (form.type == PtxType.F64) {
            return approximate ? doubles(source, 2, (a, b, c) -> upperHalf(1 / flushed(upperHalf(a))))
                : doubles(source, 2, (a, b, c) -> ExactArithmetic.divide(1.0, a, form.rounding));
        }
        return floats(source, form, 2, (a, b, c) -> ExactArithmetic.divide(1.0f, a, form.rounding));
    }

    private static Operation squareRoot(final InstructionSource source) {
        final boolean approximate = source.modifiers().take("approx");
        final Form form = form(source, approximate ? InstructionClass.SPECIAL : InstructionClass.FLOAT, 2);
        return form.type == PtxType.F64
            ? doubles(source, 2, (a, b, c) -> ExactArithmetic.squareRoot(a, form.rounding))
            : floats(source, form, 2, (a, b, c) -> ExactArithmetic.squareRoot(a, form.rounding));
    }

    /** The approximations in FP64 read and write only the upper 32 bits. */
    static double upperHalf(final double value) {
        return Double.longBitsToDouble(Double.doubleToRawLongBits(value) & 0xffffffff00000000L);
    }

    static double flushed(final double value) {
        return Math.abs(value) < Double.MIN_NORMAL ? Math.copySign(0.0, value) : value;
    }

    /** An operation of one FP32 value computed in double, as the approximations are. */
    static Operation approximation(final InstructionSource source, final DoubleUnaryOperator function) {
        final Form form = form(source, InstructionClass.SPECIAL, 2);
        if (form.type == PtxType.F64) {
            final boolean flush = form.flush;
            return doubles(source, 2, (a, b, c) -> flush ? upperHalf(function.applyAsDouble(flushed(upperHalf(a))))
                : function.applyAsDouble(a));
        }
        return floats(source, form, 2, (a, b, c) -> (float) function.applyAsDouble(a));
    }

    private static Form form(final InstructionSource source, final InstructionClass of, final int operands) {
        source.classify(of);
        source.requireOperands(operands, operands);
        final Rounding rounding = rounding(source);
        final boolean flush = source.modifiers().take("ftz");
        final boolean saturate = source.modifiers().take("sat");
        final PtxType type = source.type();
        if (type != PtxType.F32 && type != PtxType.F64 && type != PtxType.F32X2) {
            throw source.unsupported("type " + type);
        }
        return new Form(type, rounding, flush, saturate);
    }

    /** Takes {@code .rn .rz .rm .rp}; to the nearest when there is none. */
    static Rounding rounding(final InstructionSource source) {
        final String name = source.modifiers().takeAny("rn", "rz", "rm", "rp");
        if (name == null) {
            return Rounding.NEAREST_EVEN;
        }
        return switch (name) {
            case "rn" -> Rounding.NEAREST_EVEN;
            case "rz" -> Rounding.TOWARD_ZERO;
            case "rm" -> Rounding.DOWN;
            default -> Rounding.UP;
        };
    }

    private static Operation floats(final InstructionSource source, final Form form, final int operands,
                                    final FloatFunction function) {
        final int target = source.destination(source.operand(0), PtxType.F32);
        final int a = source.intSource(source.operand(1), PtxType.F32);
        final int b = operands > 2 ? source.intSource(source.operand(2), PtxType.F32) : a;
        final int c = operands > 3 ? source.intSource(source.operand(3), PtxType.F32) : a;
        final boolean flush = form.flush;
        final boolean saturate = form.saturate;
        if (!flush && !saturate) {
            return (warp, mask) -> {
                final int[] x = warp.ints(a);
                final int[] y = warp.ints(b);
                final int[] z = warp.ints(c);
                final int[] result = warp.ints(target);
                for (int lane = 0; lane < 32; lane++) {
                    if ((mask >>> lane & 1) != 0) {
                        result[lane] = Float.floatToRawIntBits(function.apply(Float.intBitsToFloat(x[lane]),
                            Float.intBitsToFloat(y[lane]), Float.intBitsToFloat(z[lane])));
                    }
                }
            };
        }
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final int[] z = warp.ints(c);
            final int[] result = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = Float.floatToRawIntBits(form.finish(function.apply(form.prepare(x[lane]),
                        form.prepare(y[lane]), form.prepare(z[lane]))));
                }
            }
        };
    }

    private static Operation doubles(final InstructionSource source, final int operands,
                                     final DoubleFunction function) {
        final int target = source.destination(source.operand(0), PtxType.F64);
        final int a = source.longSource(source.operand(1), PtxType.F64);
        final int b = operands > 2 ? source.longSource(source.operand(2), PtxType.F64) : a;
        final int c = operands > 3 ? source.longSource(source.operand(3), PtxType.F64) : a;
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final long[] y = warp.longs(b);
            final long[] z = warp.longs(c);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = Double.doubleToRawLongBits(function.apply(Double.longBitsToDouble(x[lane]),
                        Double.longBitsToDouble(y[lane]), Double.longBitsToDouble(z[lane])));
                }
            }
        };
    }

    /** Two FP32 values in each 64-bit register. */
    private static Operation pairs(final InstructionSource source, final Form form, final int operands,
                                   final FloatFunction function) {
        final int target = source.destination(source.operand(0), PtxType.B64);
        final int a = source.longSource(source.operand(1), PtxType.B64);
        final int b = source.longSource(source.operand(2), PtxType.B64);
        final int c = operands > 3 ? source.longSource(source.operand(3), PtxType.B64) : a;
        return Lanes.longs(target, a, b, c, (x, y, z) -> {
            final float low = form.finish(function.apply(form.prepare((int) x), form.prepare((int) y),
                form.prepare((int) z)));
            final float high = form.finish(function.apply(form.prepare((int) (x >>> 32)),
                form.prepare((int) (y >>> 32)), form.prepare((int) (z >>> 32))));
            return (long) Float.floatToRawIntBits(high) << 32 | Float.floatToRawIntBits(low) & 0xffffffffL;
        });
    }

    /** The modifiers of a floating-point instruction. */
    private record Form(PtxType type, Rounding rounding, boolean flush, boolean saturate) {
        boolean isPlain() {
            return rounding == Rounding.NEAREST_EVEN;
        }

        float prepare(final int bits) {
            final float value = Float.intBitsToFloat(bits);
            return flush ? FloatInstructions.flush(value) : value;
        }

        float finish(final float value) {
            final float flushed = flush ? FloatInstructions.flush(value) : value;
            return saturate ? flushed > 0 ? Math.min(flushed, 1) : 0 : flushed;
        }

        float narrow(final float a, final float b, final float c) {
            return ExactArithmetic.fma(a, b, c, rounding);
        }

        float multiply(final float a, final float b) {
            return rounding == Rounding.NEAREST_EVEN ? a * b
                : ExactArithmetic.fma(a, b, Math.copySign(0.0f, a * b), rounding);
        }
    }

    /** A function of up to three FP32 values. */
    @FunctionalInterface
    private interface FloatFunction {
        float apply(float a, float b, float c);
    }

    /** A function of up to three FP64 values. */
    @FunctionalInterface
    private interface DoubleFunction {
        double apply(double a, double b, double c);
    }
}
