package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.text.PtxType;

/**
 * Arithmetic of several words: {@code add.cc addc sub.cc subc mad.cc madc}. The carry flag is one bit for each lane;
 * after a subtraction it is the borrow.
 */
final class CarryInstructions {
    private CarryInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("addc", CarryInstructions::add);
        registry.add("subc", CarryInstructions::subtract);
        registry.add("madc", CarryInstructions::multiplyAdd);
    }

    static boolean carries(final InstructionSource source) {
        return source.modifiers().has("cc");
    }

    static Operation add(final InstructionSource source) {
        return sum(source, false);
    }

    static Operation subtract(final InstructionSource source) {
        return sum(source, true);
    }

    private static Operation sum(final InstructionSource source, final boolean subtracts) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(3, 3);
        final boolean in = source.opcode().endsWith("c");
        final boolean out = source.modifiers().take("cc");
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final boolean wide = type.bits() == 64;
        return (warp, mask) -> {
            int carries = warp.frame().carry();
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final long x = wide ? warp.longs(a)[lane] : warp.ints(a)[lane] & 0xffffffffL;
                final long y = wide ? warp.longs(b)[lane] : warp.ints(b)[lane] & 0xffffffffL;
                final int carry = in ? carries >>> lane & 1 : 0;
                final long result = subtracts ? x - y - carry : x + y + carry;
                final boolean carried = wide ? carry64(x, y, carry, subtracts) : result >>> 32 != 0;
                put(warp, target, lane, wide, result);
                carries = carries & ~(1 << lane) | (carried ? 1 << lane : 0);
            }
            if (out) {
                warp.frame().setCarry(carries);
            }
        };
    }

    static Operation multiplyAdd(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.countMultiplyAdds(1);
        source.requireOperands(4, 4);
        final boolean in = source.opcode().equals("madc");
        final String part = source.modifiers().takeAny("lo", "hi");
        if (part == null) {
            throw source.unsupported("modifier .lo or .hi is missing");
        }
        final boolean high = part.equals("hi");
        final boolean out = source.modifiers().take("cc");
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final int c = source.source(source.operand(3), type);
        final boolean wide = type.bits() == 64;
        final boolean signed = type.isSigned();
        return (warp, mask) -> {
            int carries = warp.frame().carry();
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final int carry = in ? carries >>> lane & 1 : 0;
                final long product;
                final long addend;
                if (wide) {
                    final long x = warp.longs(a)[lane];
                    final long y = warp.longs(b)[lane];
                    product = !high ? x * y : signed ? Math.multiplyHigh(x, y) : Math.unsignedMultiplyHigh(x, y);
                    addend = warp.longs(c)[lane];
                } else {
                    final long x = signed ? warp.ints(a)[lane] : warp.ints(a)[lane] & 0xffffffffL;
                    final long y = signed ? warp.ints(b)[lane] : warp.ints(b)[lane] & 0xffffffffL;
                    product = (high ? x * y >>> 32 : x * y) & 0xffffffffL;
                    addend = warp.ints(c)[lane] & 0xffffffffL;
                }
                final long result = product + addend + carry;
                final boolean carried = wide ? carry64(product, addend, carry, false) : result >>> 32 != 0;
                put(warp, target, lane, wide, result);
                carries = carries & ~(1 << lane) | (carried ? 1 << lane : 0);
            }
            if (out) {
                warp.frame().setCarry(carries);
            }
        };
    }

    private static boolean carry64(final long x, final long y, final int carry, final boolean subtracts) {
        if (subtracts) {
            return Long.compareUnsigned(x, y) < 0 || carry == 1 && x == y;
        }
        final long sum = x + y;
        return Long.compareUnsigned(sum, x) < 0 || carry == 1 && sum == -1;
    }

    private static void put(final Warp warp, final int target, final int lane, final boolean wide, final long value) {
        if (wide) {
            warp.longs(target)[lane] = value;
        } else {
            warp.ints(target)[lane] = (int) value;
        }
    }
}
