package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.function.LongBinaryOperator;

/**
 * Integer arithmetic: {@code add sub mul mad mul24 mad24 sad div rem abs neg min max dp4a dp2a}. Values of 16 bits are
 * kept zero-extended, so signed ones are extended before use and results are cut. Division by zero gives all ones.
 */
final class IntegerInstructions {
    private IntegerInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("mul24", source -> multiply24(source, false));
        registry.add("mad24", source -> multiply24(source, true));
        registry.add("sad", IntegerInstructions::sumOfDifference);
        registry.add("rem", source -> binary(source, IntegerInstructions::remainder, IntegerInstructions::remainder,
            IntegerInstructions::unsignedRemainder, IntegerInstructions::unsignedRemainder));
        registry.add("dp4a", IntegerInstructions::dotProduct4);
        registry.add("dp2a", IntegerInstructions::dotProduct2);
    }

    static Operation add(final InstructionSource source) {
        return addOrSubtract(source, Integer::sum, Long::sum);
    }

    static Operation subtract(final InstructionSource source) {
        return addOrSubtract(source, (a, b) -> a - b, (a, b) -> a - b);
    }

    private static Operation addOrSubtract(final InstructionSource source, final IntBinaryOperator ints,
                                           final LongBinaryOperator longs) {
        if (source.modifiers().take("sat")) {
            if (!source.modifiers().has("s32")) {
                throw source.unsupported(".sat needs .s32");
            }
            return binary(source, (a, b) -> saturate(longs.applyAsLong(a, b)), longs, ints, longs);
        }
        if (source.modifiers().has("u16x2") || source.modifiers().has("s16x2")) {
            return packed(source, ints);
        }
        return binary(source, ints, longs, ints, longs);
    }

    static Operation divide(final InstructionSource source) {
        return binary(source, IntegerInstructions::quotient, IntegerInstructions::quotient,
            IntegerInstructions::unsignedQuotient, IntegerInstructions::unsignedQuotient);
    }

    static Operation minimum(final InstructionSource source) {
        return extreme(source, Math::min, Math::min, (a, b) -> Integer.compareUnsigned(a, b) < 0 ? a : b,
            (a, b) -> Long.compareUnsigned(a, b) < 0 ? a : b);
    }

    static Operation maximum(final InstructionSource source) {
        return extreme(source, Math::max, Math::max, (a, b) -> Integer.compareUnsigned(a, b) > 0 ? a : b,
            (a, b) -> Long.compareUnsigned(a, b) > 0 ? a : b);
    }

    private static Operation extreme(final InstructionSource source, final IntBinaryOperator ints,
                                     final LongBinaryOperator longs, final IntBinaryOperator unsignedInts,
                                     final LongBinaryOperator unsignedLongs) {
        final boolean relu = source.modifiers().take("relu");
        final IntBinaryOperator signed = relu ? (a, b) -> Math.max(0, ints.applyAsInt(a, b)) : ints;
        if (source.modifiers().has("u16x2")) {
            return packed(source, unsignedInts);
        }
        if (source.modifiers().has("s16x2")) {
            return packed(source, signed);
        }
        return binary(source, signed, longs, unsignedInts, unsignedLongs);
    }

    static Operation absolute(final InstructionSource source) {
        return unary(source, Math::abs);
    }

    static Operation negate(final InstructionSource source) {
        return unary(source, a -> -a);
    }

    private static Operation unary(final InstructionSource source, final IntUnaryOperator ints) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(2, 2);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        if (type.bits() == 64) {
            final boolean negates = source.opcode().equals("neg");
            return Lanes.longs(target, a, negates ? x -> -x : Math::abs);
        }
        return type.bits() == 32 ? Lanes.ints(target, a, ints)
            : Lanes.ints(target, a, x -> ints.applyAsInt((short) x) & 0xffff);
    }

    /** A function of two values of the modifier's type, of 16, 32 or 64 bits. */
    private static Operation binary(final InstructionSource source, final IntBinaryOperator ints,
                                    final LongBinaryOperator longs, final IntBinaryOperator unsignedInts,
                                    final LongBinaryOperator unsignedLongs) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(3, 3);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final boolean signed = type.isSigned();
        if (type.bits() == 64) {
            return Lanes.longs(target, a, b, signed ? longs : unsignedLongs);
        }
        if (type.bits() == 32) {
            return Lanes.ints(target, a, b, signed ? ints : unsignedInts);
        }
        return signed ? Lanes.ints(target, a, b, (x, y) -> ints.applyAsInt((short) x, (short) y) & 0xffff)
            : Lanes.ints(target, a, b, (x, y) -> unsignedInts.applyAsInt(x, y) & 0xffff);
    }

    /** Two values of 16 bits in each register. */
    private static Operation packed(final InstructionSource source, final IntBinaryOperator function) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.B32);
        return type.isSigned()
            ? Lanes.ints(target, a, b, (x, y) -> function.applyAsInt((short) x, (short) y) & 0xffff
                | function.applyAsInt(x >> 16, y >> 16) << 16)
            : Lanes.ints(target, a, b, (x, y) -> function.applyAsInt(x & 0xffff, y & 0xffff) & 0xffff
                | function.applyAsInt(x >>> 16, y >>> 16) << 16);
    }

    /** {@code mul.lo mul.hi mul.wide} and, with a third source, {@code mad}. */
    static Operation multiply(final InstructionSource source) {
        final boolean adds = source.opcode().equals("mad");
        source.classify(InstructionClass.INTEGER);
        source.countMultiplyAdds(1);
        source.requireOperands(adds ? 4 : 3, adds ? 4 : 3);
        final String part = source.modifiers().takeAny("lo", "hi", "wide");
        final boolean saturate = source.modifiers().take("sat");
        final PtxType type = source.type();
        if (part == null || saturate && !(adds && part.equals("hi") && type == PtxType.S32)) {
            throw source.unsupported("a multiplication of this kind");
        }
        if (part.equals("wide")) {
            return wide(source, type, adds);
        }
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final int c = adds ? source.source(source.operand(3), type) : -1;
        final boolean high = part.equals("hi");
        if (type.bits() == 64) {
            final LongBinaryOperator product = !high ? (x, y) -> x * y
                : type.isSigned() ? Math::multiplyHigh : Math::unsignedMultiplyHigh;
            return adds ? Lanes.longs(target, a, b, c, (x, y, z) -> product.applyAsLong(x, y) + z)
                : Lanes.longs(target, a, b, product);
        }
        final IntBinaryOperator product = product(type, high);
        if (!adds) {
            return Lanes.ints(target, a, b, product);
        }
        if (saturate) {
            return Lanes.ints(target, a, b, c, (x, y, z) -> saturate((long) product.applyAsInt(x, y) + z));
        }
        return type.bits() == 32 ? Lanes.ints(target, a, b, c, (x, y, z) -> product.applyAsInt(x, y) + z)
            : Lanes.ints(target, a, b, c, (x, y, z) -> product.applyAsInt(x, y) + z & 0xffff);
    }

    private static IntBinaryOperator product(final PtxType type, final boolean high) {
        if (type.bits() == 16) {
            if (!high) {
                return (x, y) -> x * y & 0xffff;
            }
            return type.isSigned() ? (x, y) -> (short) x * (short) y >>> 16 & 0xffff : (x, y) -> x * y >>> 16;
        }
        if (!high) {
            return (x, y) -> x * y;
        }
        return type.isSigned() ? (x, y) -> (int) ((long) x * y >> 32)
            : (x, y) -> (int) ((x & 0xffffffffL) * (y & 0xffffffffL) >>> 32);
    }

    private static Operation wide(final InstructionSource source, final PtxType type, final boolean adds) {
        final PtxType result = type.bits() == 16 ? type.isSigned() ? PtxType.S32 : PtxType.U32
            : type.isSigned() ? PtxType.S64 : PtxType.U64;
        final int target = source.destination(source.operand(0), result);
        final int a = source.intSource(source.operand(1), type);
        final int b = source.intSource(source.operand(2), type);
        final int c = adds ? source.source(source.operand(3), result) : -1;
        final boolean signed = type.isSigned();
        if (type.bits() == 16) {
            final IntBinaryOperator product = signed ? (x, y) -> (short) x * (short) y : (x, y) -> x * y;
            return adds ? Lanes.ints(target, a, b, c, (x, y, z) -> product.applyAsInt(x, y) + z)
                : Lanes.ints(target, a, b, product);
        }
        final Lanes.IntsToLong product = signed ? (x, y) -> (long) x * y
            : (x, y) -> (x & 0xffffffffL) * (y & 0xffffffffL);
        if (!adds) {
            return Lanes.wideningPair(target, a, b, product);
        }
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final long[] z = warp.longs(c);
            final long[] sum = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    sum[lane] = product.apply(x[lane], y[lane]) + z[lane];
                }
            }
        };
    }

    /** The middle or low 32 bits of the 48-bit product of two 24-bit values. */
    private static Operation multiply24(final InstructionSource source, final boolean adds) {
        source.classify(InstructionClass.INTEGER);
        source.countMultiplyAdds(1);
        final String part = source.modifiers().takeAny("lo", "hi");
        if (part == null) {
            throw source.unsupported("modifier .lo or .hi is missing");
        }
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.intSource(source.operand(1), type);
        final int b = source.intSource(source.operand(2), type);
        final int c = adds ? source.intSource(source.operand(3), type) : source.context().layout().constant(0);
        final int shift = part.equals("hi") ? 16 : 0;
        return Lanes.ints(target, a, b, c, type.isSigned()
            ? (x, y, z) -> (int) ((long) (x << 8 >> 8) * (y << 8 >> 8) >> shift) + z
            : (x, y, z) -> (int) ((long) (x & 0xffffff) * (y & 0xffffff) >>> shift) + z);
    }

    /** |a - b| + c. */
    private static Operation sumOfDifference(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(4, 4);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final int c = source.source(source.operand(3), type);
        final boolean signed = type.isSigned();
        if (type.bits() == 64) {
            return Lanes.longs(target, a, b, c, (x, y, z) ->
                ((signed ? Long.compare(x, y) : Long.compareUnsigned(x, y)) < 0 ? y - x : x - y) + z);
        }
        if (type.bits() == 16) {
            return Lanes.ints(target, a, b, c, (x, y, z) ->
                Math.abs(signed ? (short) x - (short) y : x - y) + z & 0xffff);
        }
        return Lanes.ints(target, a, b, c, (x, y, z) ->
            ((signed ? Integer.compare(x, y) : Integer.compareUnsigned(x, y)) < 0 ? y - x : x - y) + z);
    }

    private static Operation dotProduct4(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.countMultiplyAdds(4);
        final boolean signedA = source.type().isSigned();
        final boolean signedB = source.type().isSigned();
        return dot(source, (x, y, z) -> {
            int sum = z;
            for (int i = 0; i < 32; i += 8) {
                sum += eight(x >>> i, signedA) * eight(y >>> i, signedB);
            }
            return sum;
        });
    }

    private static Operation dotProduct2(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.countMultiplyAdds(2);
        final String half = source.modifiers().takeAny("lo", "hi");
        if (half == null) {
            throw source.unsupported("modifier .lo or .hi is missing");
        }
        final int start = half.equals("hi") ? 16 : 0;
        final boolean signedA = source.type().isSigned();
        final boolean signedB = source.type().isSigned();
        return dot(source, (x, y, z) -> {
            int sum = z;
            for (int i = 0; i < 2; i++) {
                final int byteOfB = eight(y >>> start + 8 * i, signedB);
                sum += (signedA ? (short) (x >> 16 * i) : x >>> 16 * i & 0xffff) * byteOfB;
            }
            return sum;
        });
    }

    private static Operation dot(final InstructionSource source, final Lanes.IntTernary function) {
        source.requireOperands(4, 4);
        return Lanes.ints(source.destination(source.operand(0), PtxType.B32),
            source.intSource(source.operand(1), PtxType.B32), source.intSource(source.operand(2), PtxType.B32),
            source.intSource(source.operand(3), PtxType.B32), function);
    }

    /** The lowest byte. */
    private static int eight(final int bits, final boolean signed) {
        return signed ? bits << 24 >> 24 : bits & 0xff;
    }

    private static int saturate(final long value) {
        return (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, value));
    }

    private static int quotient(final int a, final int b) {
        return b == 0 ? -1 : a / b;
    }

    private static long quotient(final long a, final long b) {
        return b == 0 ? -1 : a / b;
    }

    private static int unsignedQuotient(final int a, final int b) {
        return b == 0 ? -1 : Integer.divideUnsigned(a, b);
    }

    private static long unsignedQuotient(final long a, final long b) {
        return b == 0 ? -1 : Long.divideUnsigned(a, b);
    }

    private static int remainder(final int a, final int b) {
        return b == 0 ? -1 : a % b;
    }

    private static long remainder(final long a, final long b) {
        return b == 0 ? -1 : a % b;
    }

    private static int unsignedRemainder(final int a, final int b) {
        return b == 0 ? -1 : Integer.remainderUnsigned(a, b);
    }

    private static long unsignedRemainder(final long a, final long b) {
        return b == 0 ? -1 : Long.remainderUnsigned(a, b);
    }
}
