package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.IntBinaryOperator;
import java.util.function.LongBinaryOperator;

/**
 * Bits: {@code and or xor not cnot shl shr shf lop3 prmt bfe bfi bfind brev popc clz fns bmsk szext}. Amounts of shifts
 * beyond the width are taken as the width.
 */
final class BitInstructions {
    private BitInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("and", source -> logic(source, (a, b) -> a & b, (a, b) -> a & b));
        registry.add("or", source -> logic(source, (a, b) -> a | b, (a, b) -> a | b));
        registry.add("xor", source -> logic(source, (a, b) -> a ^ b, (a, b) -> a ^ b));
        registry.add("not", BitInstructions::not);
        registry.add("cnot", BitInstructions::logicalNot);
        registry.add("shl", BitInstructions::shiftLeft);
        registry.add("shr", BitInstructions::shiftRight);
        registry.add("shf", BitInstructions::funnelShift);
        registry.add("lop3", BitInstructions::logicOfThree);
        registry.add("prmt", BitInstructions::permuteBytes);
        registry.add("bfe", BitInstructions::extractField);
        registry.add("bfi", BitInstructions::insertField);
        registry.add("bfind", BitInstructions::findHighest);
        registry.add("brev", BitInstructions::reverse);
        registry.add("popc", BitInstructions::countOnes);
        registry.add("clz", BitInstructions::countLeadingZeros);
        registry.add("fns", BitInstructions::findNthSet);
        registry.add("bmsk", BitInstructions::mask);
        registry.add("szext", BitInstructions::extend);
    }

    private static Operation logic(final InstructionSource source, final IntBinaryOperator ints,
                                   final LongBinaryOperator longs) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(3, 3);
        final PtxType type = source.type();
        if (type == PtxType.PRED) {
            final int target = source.predicateDestination(source.operand(0));
            final PredicateOperand a = source.predicate(source.operand(1));
            final PredicateOperand b = source.predicate(source.operand(2));
            return (warp, mask) -> warp.setPredicate(target, mask, ints.applyAsInt(a.lanes(warp), b.lanes(warp)));
        }
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        return type.bits() == 64 ? Lanes.longs(target, a, b, longs) : Lanes.ints(target, a, b, ints);
    }

    private static Operation not(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        if (type == PtxType.PRED) {
            final int target = source.predicateDestination(source.operand(0));
            final PredicateOperand a = source.predicate(source.operand(1));
            return (warp, mask) -> warp.setPredicate(target, mask, ~a.lanes(warp));
        }
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        if (type.bits() == 64) {
            return Lanes.longs(target, a, x -> ~x);
        }
        return type.bits() == 32 ? Lanes.ints(target, a, x -> ~x) : Lanes.ints(target, a, x -> ~x & 0xffff);
    }

    private static Operation logicalNot(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        return type.bits() == 64 ? Lanes.longs(target, a, x -> x == 0 ? 1 : 0)
            : Lanes.ints(target, a, x -> x == 0 ? 1 : 0);
    }

    private static Operation shiftLeft(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int amount = source.intSource(source.operand(2), PtxType.U32);
        if (type.bits() == 64) {
            return Lanes.shift(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 63) > 0 ? 0 : x << n);
        }
        return type.bits() == 32
            ? Lanes.ints(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 31) > 0 ? 0 : x << n)
            : Lanes.ints(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 15) > 0 ? 0 : x << n & 0xffff);
    }

    private static Operation shiftRight(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int amount = source.intSource(source.operand(2), PtxType.U32);
        final boolean signed = type.isSigned();
        if (type.bits() == 64) {
            return signed ? Lanes.shift(target, a, amount, (x, n) -> x >> clamp(n, 63))
                : Lanes.shift(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 63) > 0 ? 0 : x >>> n);
        }
        if (type.bits() == 16) {
            return signed ? Lanes.ints(target, a, amount, (x, n) -> (short) x >> clamp(n, 15) & 0xffff)
                : Lanes.ints(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 15) > 0 ? 0 : x >>> n);
        }
        return signed ? Lanes.ints(target, a, amount, (x, n) -> x >> clamp(n, 31))
            : Lanes.ints(target, a, amount, (x, n) -> Integer.compareUnsigned(n, 31) > 0 ? 0 : x >>> n);
    }

    private static Operation funnelShift(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(4, 4);
        final String direction = source.modifiers().takeAny("l", "r");
        final String mode = source.modifiers().takeAny("wrap", "clamp");
        source.require("b32");
        if (direction == null || mode == null) {
            throw source.unsupported("direction or mode is missing");
        }
        final boolean left = direction.equals("l");
        final boolean wraps = mode.equals("wrap");
        return three(source, PtxType.B32, (low, high, amount) -> {
            final int n = wraps ? amount & 31 : Integer.compareUnsigned(amount, 32) > 0 ? 32 : amount;
            final long both = (long) high << 32 | low & 0xffffffffL;
            return left ? (int) (both << n >>> 32) : (int) (both >>> n);
        });
    }

    private static Operation logicOfThree(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final String combination = source.modifiers().takeAny("or", "and");
        source.requireOperands(combination == null ? 5 : 6, combination == null ? 5 : 6);
        source.require("b32");
        if (!(source.operand(4) instanceof PtxOperand.Literal table)) {
            throw source.unsupported("the table is not a constant");
        }
        final int lut = (int) table.bits();
        return combination == null ? three(source, PtxType.B32, (a, b, c) -> logicOfThree(lut, a, b, c))
            : testedLogicOfThree(source, lut, combination.equals("or"));
    }

    private static int logicOfThree(final int lut, final int a, final int b, final int c) {
        int result = 0;
        for (int row = 0; row < 8; row++) {
            if ((lut >>> row & 1) != 0) {
                result |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
            }
        }
        return result;
    }

    /** {@code lop3.or.b32 d|p, a, b, c, table, q}: p tells whether d is not zero, or q is true. */
    private static Operation testedLogicOfThree(final InstructionSource source, final int lut, final boolean or) {
        if (!(source.operand(0) instanceof final PtxOperand.Pair results)) {
            throw source.unsupported("the result is not a pair");
        }
        final int target = source.destination(results.first(), PtxType.B32);
        final int tested = source.predicateDestination(results.second());
        final int[] sources = {source.intSource(source.operand(1), PtxType.B32),
            source.intSource(source.operand(2), PtxType.B32), source.intSource(source.operand(3), PtxType.B32)};
        final PredicateOperand other = source.predicate(source.operand(5));
        return (warp, mask) -> {
            final int others = other.lanes(warp);
            int ones = 0;
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final int result = logicOfThree(lut, warp.ints(sources[0])[lane], warp.ints(sources[1])[lane],
                        warp.ints(sources[2])[lane]);
                    warp.ints(target)[lane] = result;
                    ones |= (result != 0 ? 1 : 0) << lane;
                }
            }
            warp.setPredicate(tested, mask, or ? ones | others : ones & others);
        };
    }

    private static Operation permuteBytes(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(4, 4);
        source.require("b32");
        source.passesOn();
        final String mode = source.modifiers().takeAny("f4e", "b4e", "rc8", "ecl", "ecr", "rc16");
        return three(source, PtxType.B32, (a, b, selector) -> {
            final long bytes = (long) b << 32 | a & 0xffffffffL;
            int result = 0;
            for (int i = 0; i < 4; i++) {
                final int selected = mode == null ? selector >>> 4 * i & 15 : special(mode, selector & 3, i);
                result |= selectByte(bytes, selected) << 8 * i;
            }
            return result;
        });
    }

    private static int selectByte(final long bytes, final int selector) {
        final int value = (int) (bytes >>> 8 * (selector & 7)) & 0xff;
        return (selector & 8) == 0 ? value : (value & 0x80) != 0 ? 0xff : 0;
    }

    /** Which of the eight bytes comes to place i in the special modes of prmt. */
    private static int special(final String mode, final int control, final int i) {
        return switch (mode) {
            case "f4e" -> control + i;
            case "b4e" -> control - i & 7;
            case "rc8" -> control;
            case "ecl" -> Math.max(control, i);
            case "ecr" -> Math.min(control, i);
            default -> (control & 1) * 2 + (i & 1);
        };
    }

    private static Operation extractField(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final boolean signed = type.isSigned();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int position = source.intSource(source.operand(2), PtxType.U32);
        final int length = source.intSource(source.operand(3), PtxType.U32);
        final int bits = type.bits();
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final long x = bits == 64 ? warp.longs(a)[lane]
                    : signed ? warp.ints(a)[lane] : warp.ints(a)[lane] & 0xffffffffL;
                final long field = field(x, warp.ints(position)[lane] & 0xff, warp.ints(length)[lane] & 0xff, bits,
                    signed);
                if (bits == 64) {
                    warp.longs(target)[lane] = field;
                } else {
                    warp.ints(target)[lane] = (int) field;
                }
            }
        };
    }

    private static long field(final long x, final int position, final int length, final int bits,
                              final boolean signed) {
        if (length == 0) {
            return 0;
        }
        final long shifted = position > bits - 1 ? signed && x < 0 ? -1 : 0 : signed ? x >> position : x >>> position;
        if (length >= bits || position >= bits) {
            return shifted;
        }
        // A field that reaches beyond the top is filled with the sign, which the arithmetic shift has done.
        final int unused = 64 - Math.min(length, 64);
        return signed ? shifted << unused >> unused : shifted << unused >>> unused;
    }

    private static Operation insertField(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int field = source.source(source.operand(1), type);
        final int base = source.source(source.operand(2), type);
        final int position = source.intSource(source.operand(3), PtxType.U32);
        final int length = source.intSource(source.operand(4), PtxType.U32);
        final int bits = type.bits();
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final int p = warp.ints(position)[lane] & 0xff;
                final int n = warp.ints(length)[lane] & 0xff;
                final long ones = p >= bits || n == 0 ? 0 : (n >= 64 ? -1L : (1L << n) - 1) << p;
                if (bits == 64) {
                    final long inserted = p >= 64 ? 0 : warp.longs(field)[lane] << p;
                    warp.longs(target)[lane] = inserted & ones | warp.longs(base)[lane] & ~ones;
                } else {
                    final int inserted = p >= 32 ? 0 : warp.ints(field)[lane] << p;
                    warp.ints(target)[lane] = inserted & (int) ones | warp.ints(base)[lane] & ~(int) ones;
                }
            }
        };
    }

    private static Operation findHighest(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final boolean shiftAmount = source.modifiers().take("shiftamt");
        final PtxType type = source.type();
        final boolean signed = type.isSigned();
        final int target = source.destination(source.operand(0), PtxType.U32);
        final int a = source.source(source.operand(1), type);
        if (type.bits() == 64) {
            return Lanes.narrowing(target, a, x -> {
                final int zeros = Long.numberOfLeadingZeros(signed && x < 0 ? ~x : x);
                return zeros == 64 ? -1 : shiftAmount ? zeros : 63 - zeros;
            });
        }
        return Lanes.ints(target, a, x -> {
            final int zeros = Integer.numberOfLeadingZeros(signed && x < 0 ? ~x : x);
            return zeros == 32 ? -1 : shiftAmount ? zeros : 31 - zeros;
        });
    }

    private static Operation reverse(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        return type.bits() == 64 ? Lanes.longs(target, a, Long::reverse) : Lanes.ints(target, a, Integer::reverse);
    }

    private static Operation countOnes(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), PtxType.U32);
        final int a = source.source(source.operand(1), type);
        return type.bits() == 64 ? Lanes.narrowing(target, a, Long::bitCount)
            : Lanes.ints(target, a, Integer::bitCount);
    }

    private static Operation countLeadingZeros(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), PtxType.U32);
        final int a = source.source(source.operand(1), type);
        return type.bits() == 64 ? Lanes.narrowing(target, a, Long::numberOfLeadingZeros)
            : Lanes.ints(target, a, Integer::numberOfLeadingZeros);
    }

    /** Position of the n-th set bit at or above (n > 0) or at or below (n < 0) the base; -1 when there is none. */
    private static Operation findNthSet(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.require("b32");
        return three(source, PtxType.B32, (bits, base, n) -> {
            if (n == 0) {
                return (bits >>> base & 1) != 0 ? base : -1;
            }
            int left = Math.abs(n);
            for (int i = base; i >= 0 && i < 32; i += Integer.signum(n)) {
                if ((bits >>> i & 1) != 0 && --left == 0) {
                    return i;
                }
            }
            return -1;
        });
    }

    private static Operation mask(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final String mode = source.modifiers().takeAny("clamp", "wrap");
        source.require("b32");
        final boolean wraps = "wrap".equals(mode);
        final int target = source.destination(source.operand(0), PtxType.B32);
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.B32);
        return Lanes.ints(target, a, b, (from, width) -> {
            final int p = wraps ? from & 31 : Integer.compareUnsigned(from, 32) > 0 ? 32 : from;
            final int n = wraps ? width & 31 : Integer.compareUnsigned(width, 32) > 0 ? 32 : width;
            return (int) ((1L << n) - 1 << p);
        });
    }

    private static Operation extend(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final boolean wraps = "wrap".equals(source.modifiers().takeAny("clamp", "wrap"));
        final boolean signed = source.type().isSigned();
        final int target = source.destination(source.operand(0), PtxType.B32);
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.U32);
        return Lanes.ints(target, a, b, (value, width) -> {
            final int n = wraps ? width & 31 : Integer.compareUnsigned(width, 32) > 0 ? 32 : width;
            if (n == 0) {
                return 0;
            }
            return signed ? value << 32 - n >> 32 - n : value << 32 - n >>> 32 - n;
        });
    }

    private static Operation three(final InstructionSource source, final PtxType type,
                                   final Lanes.IntTernary function) {
        return Lanes.ints(source.destination(source.operand(0), type), source.intSource(source.operand(1), type),
            source.intSource(source.operand(2), type), source.intSource(source.operand(3), type), function);
    }

    private static int clamp(final int amount, final int most) {
        return Integer.compareUnsigned(amount, most) > 0 ? most : amount;
    }
}
