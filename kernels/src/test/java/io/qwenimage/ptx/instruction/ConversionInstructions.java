package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.instruction.FunctionLayout.Bank;
import io.qwenimage.ptx.number.ExactArithmetic;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;

/** Conversions of single values: {@code cvt} and {@code cvt.pack}; packed ones are {@link PackedConversions}. */
final class ConversionInstructions {
    private ConversionInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("cvt", ConversionInstructions::convert);
        registry.add("cvt.pack", PackedConversions::packIntegers);
    }

    private static Operation convert(final InstructionSource source) {
        source.classify(InstructionClass.CONVERSION);
        final Modifiers modifiers = source.modifiers();
        final String rounding = modifiers.takeAny("rn", "rna", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi");
        final boolean flush = modifiers.take("ftz");
        final boolean saturate = modifiers.take("sat");
        final boolean finite = modifiers.take("satfinite");
        final boolean relu = modifiers.take("relu");
        final PtxType to = source.type();
        final PtxType from = source.type();
        final Conversion conversion = new Conversion(rounding, flush, saturate, finite, relu, to, from);
        if (PackedConversions.isPacked(to) || PackedConversions.isPacked(from)) {
            return PackedConversions.convert(source, conversion);
        }
        source.requireOperands(2, 2);
        if (to == PtxType.TF32) {
            return PackedConversions.toTensorFloat(source, conversion);
        }
        return single(source, conversion);
    }

    private static Operation single(final InstructionSource source, final Conversion conversion) {
        final PtxOperand target = source.operand(0);
        final PtxOperand value = source.operand(1);
        final PtxType targetType = wider(source, target, conversion.to);
        final PtxType valueType = wider(source, value, conversion.from);
        final int result = source.destination(target, targetType);
        final int operand = source.source(value, valueType);
        final boolean longTarget = FunctionLayout.bank(targetType) == Bank.LONG;
        final boolean longSource = FunctionLayout.bank(valueType) == Bank.LONG;
        final LaneConversion function = function(source, conversion);
        final long keep = targetType.bits() >= 64 ? -1 : (1L << targetType.bits()) - 1;
        if (!longTarget && !longSource) {
            return Lanes.ints(result, operand, x -> (int) (function.apply(x) & keep));
        }
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final long bits = function.apply(longSource ? warp.longs(operand)[lane] : warp.ints(operand)[lane]);
                    put(warp, result, lane, longTarget, bits & keep);
                }
            }
        };
    }

    private static void put(final Warp warp, final int slot, final int lane, final boolean wide, final long bits) {
        if (wide) {
            warp.longs(slot)[lane] = bits;
        } else {
            warp.ints(slot)[lane] = (int) bits;
        }
    }

    /** Registers may be wider than the types that they are converted from and to. */
    private static PtxType wider(final InstructionSource source, final PtxOperand operand, final PtxType type) {
        if (!source.isRegister(operand)) {
            return type;
        }
        final PtxType register = source.registerType(operand);
        if (register.bits() < type.bits()) {
            throw source.unsupported("register of " + register.bits() + " bits for type " + type);
        }
        return register.bits() > type.bits() ? register : type;
    }

    private static LaneConversion function(final InstructionSource source, final Conversion conversion) {
        final boolean fromFloat = conversion.from.isFloat();
        final boolean toFloat = conversion.to.isFloat();
        if (!fromFloat && !toFloat) {
            return integers(conversion);
        }
        if (fromFloat && !toFloat) {
            return toInteger(source, conversion);
        }
        return fromFloat ? floats(source, conversion) : fromInteger(conversion);
    }

    private static LaneConversion integers(final Conversion conversion) {
        final int fromBits = conversion.from.bits();
        final int toBits = conversion.to.bits();
        final boolean fromSigned = conversion.from.isSigned();
        final boolean toSigned = conversion.to.isSigned();
        if (conversion.saturate) {
            return bits -> clamp(extend(bits, fromBits, fromSigned), fromSigned, toBits, toSigned);
        }
        return bits -> extend(extend(bits, fromBits, fromSigned), toBits, toSigned);
    }

    private static long clamp(final long value, final boolean valueSigned, final int bits, final boolean signed) {
        if (signed) {
            final long most = (1L << bits - 1) - 1;
            if (!valueSigned && value < 0) {
                return most;
            }
            return bits == 64 ? value : Math.max(-most - 1, Math.min(most, value));
        }
        if (valueSigned && value < 0) {
            return 0;
        }
        return bits == 64 || value >= 0 && value < 1L << bits ? value : (1L << bits) - 1;
    }

    static long extend(final long value, final int bits, final boolean signed) {
        if (bits == 64) {
            return value;
        }
        return signed ? value << 64 - bits >> 64 - bits : value & (1L << bits) - 1;
    }

    private static LaneConversion toInteger(final InstructionSource source, final Conversion conversion) {
        final Rounding rounding = conversion.integerRounding(source);
        final LaneReader reader = reader(conversion.from, conversion.flush);
        final int bits = conversion.to.bits();
        final boolean signed = conversion.to.isSigned();
        final long ofNan = conversion.from == PtxType.F64 || bits == 64 ? 1L << bits - 1 : 0;
        return value -> {
            final double number = reader.read(value);
            if (number != number) {
                return extend(ofNan, bits, signed);
            }
            return saturated(integral(number, rounding), bits, signed);
        };
    }

    private static long saturated(final double whole, final int bits, final boolean signed) {
        if (!signed) {
            if (whole <= 0) {
                return 0;
            }
            if (whole >= Math.scalb(1.0, bits)) {
                return bits == 64 ? -1 : (1L << bits) - 1;
            }
            return whole >= 0x1p63 ? (long) (whole - 0x1p63) + Long.MIN_VALUE : (long) whole;
        }
        final long most = (1L << bits - 1) - 1;
        return Math.max(-most - 1, Math.min(most, (long) whole));
    }

    private static double integral(final double value, final Rounding rounding) {
        return switch (rounding) {
            case NEAREST_EVEN, NEAREST_AWAY -> Math.rint(value);
            case TOWARD_ZERO -> value < 0 ? Math.ceil(value) : Math.floor(value);
            case DOWN -> Math.floor(value);
            case UP -> Math.ceil(value);
        };
    }

    private static LaneConversion fromInteger(final Conversion conversion) {
        final int bits = conversion.from.bits();
        final boolean signed = conversion.from.isSigned();
        final Rounding rounding = conversion.floatRounding();
        final LaneWriter writer = writer(conversion);
        if (bits < 64) {
            return value -> writer.write(extend(value, bits, signed));
        }
        return value -> {
            final double high = signed ? value >> 32 : value >>> 32;
            final double low = value & 0xffffffffL;
            return conversion.to == PtxType.F64
                ? Double.doubleToRawLongBits(ExactArithmetic.fma(high, 0x1p32, low, rounding))
                : writer.write(ExactArithmetic.sumToOdd(high * 0x1p32, low));
        };
    }

    private static LaneConversion floats(final InstructionSource source, final Conversion conversion) {
        if (conversion.from == PtxType.F32 && conversion.to == PtxType.F32 || conversion.from == PtxType.F64
            && conversion.to == PtxType.F64 || conversion.roundsToInteger()) {
            return rounded(source, conversion);
        }
        if (conversion.isPlain()) {
            switch (conversion.to) {
                case F16 -> {
                    if (conversion.from == PtxType.F32) {
                        return bits -> Halves.toHalf(Float.intBitsToFloat((int) bits));
                    }
                }
                case BF16 -> {
                    if (conversion.from == PtxType.F32) {
                        return bits -> Halves.toBfloat(Float.intBitsToFloat((int) bits));
                    }
                }
                default -> { }
            }
        }
        final LaneReader reader = reader(conversion.from, conversion.flush);
        final LaneWriter writer = writer(conversion);
        return bits -> writer.write(reader.read(bits));
    }

    /** Within one type, or to an integral value. */
    private static LaneConversion rounded(final InstructionSource source, final Conversion conversion) {
        final Rounding rounding = conversion.roundsToInteger() ? conversion.integerRounding(source) : null;
        final LaneReader reader = reader(conversion.from, conversion.flush);
        final LaneWriter writer = writer(conversion);
        return bits -> {
            final double value = reader.read(bits);
            return writer.write(rounding == null || value != value ? value
                : Math.copySign(integral(value, rounding), value));
        };
    }

    static LaneReader reader(final PtxType type, final boolean flush) {
        return switch (type) {
            case F64 -> Double::longBitsToDouble;
            case F32 -> flush ? bits -> FloatInstructions.flush(Float.intBitsToFloat((int) bits))
                : bits -> Float.intBitsToFloat((int) bits);
            case F16 -> bits -> Halves.fromHalf((int) bits & 0xffff);
            default -> bits -> Halves.fromBfloat((int) bits & 0xffff);
        };
    }

    private static LaneWriter writer(final Conversion conversion) {
        final Rounding rounding = conversion.floatRounding();
        final boolean saturate = conversion.saturate;
        final boolean relu = conversion.relu;
        if (conversion.to == PtxType.F64) {
            return value -> Double.doubleToRawLongBits(saturate ? value > 0 ? Math.min(value, 1) : 0 : value);
        }
        final FloatFormat format = switch (conversion.to) {
            case F32 -> FloatFormat.F32;
            case F16 -> FloatFormat.F16;
            default -> FloatFormat.BF16;
        };
        final boolean flushes = conversion.flush && conversion.to == PtxType.F32;
        return value -> {
            final double in = saturate ? value > 0 ? Math.min(value, 1) : 0 : relu && value <= 0 ? 0 : value;
            if (format == FloatFormat.F32 && rounding == Rounding.NEAREST_EVEN) {
                final float result = (float) in;
                return Float.floatToRawIntBits(flushes ? FloatInstructions.flush(result) : result);
            }
            final int bits = format.encode(in, rounding, conversion.finite);
            return flushes ? Float.floatToRawIntBits(FloatInstructions.flush(Float.intBitsToFloat(bits))) : bits;
        };
    }

    /** What a {@code cvt} asks for. */
    record Conversion(String rounding, boolean flush, boolean saturate, boolean finite, boolean relu, PtxType to,
                      PtxType from) {
        boolean roundsToInteger() {
            return rounding != null && rounding.endsWith("i");
        }

        boolean isPlain() {
            return !flush && !saturate && !finite && !relu && "rn".equals(rounding);
        }

        Rounding floatRounding() {
            if (rounding == null) {
                return Rounding.NEAREST_EVEN;
            }
            return switch (rounding) {
                case "rna" -> Rounding.NEAREST_AWAY;
                case "rz" -> Rounding.TOWARD_ZERO;
                case "rm" -> Rounding.DOWN;
                case "rp" -> Rounding.UP;
                default -> Rounding.NEAREST_EVEN;
            };
        }

        Rounding integerRounding(final InstructionSource source) {
            if (rounding == null) {
                throw source.unsupported("the rounding to an integer is missing");
            }
            return switch (rounding) {
                case "rni" -> Rounding.NEAREST_EVEN;
                case "rzi" -> Rounding.TOWARD_ZERO;
                case "rmi" -> Rounding.DOWN;
                case "rpi" -> Rounding.UP;
                default -> throw source.unsupported("rounding ." + rounding + " to an integer");
            };
        }
    }

    /** From bits to bits. */
    @FunctionalInterface
    private interface LaneConversion {
        long apply(long bits);
    }

    /** From bits to a value. */
    @FunctionalInterface
    interface LaneReader {
        double read(long bits);
    }

    /** From a value to bits. */
    @FunctionalInterface
    private interface LaneWriter {
        long write(double value);
    }
}
