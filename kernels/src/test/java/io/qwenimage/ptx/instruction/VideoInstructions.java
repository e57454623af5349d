package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;
import java.util.function.IntBinaryOperator;

/**
 * Two halves or four bytes of a word at once: {@code vadd vsub vavrg vabsdiff vmin vmax} with 2 or 4 behind the name,
 * of whole words. With {@code .add} the results are summed up and added to the fourth operand.
 */
final class VideoInstructions {
    private static final int[] PARTS = {2, 4};

    private VideoInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        for (final int parts : PARTS) {
            registry.add("vadd" + parts, source -> decode(source, parts, Integer::sum));
            registry.add("vsub" + parts, source -> decode(source, parts, (a, b) -> a - b));
            registry.add("vavrg" + parts, source -> decode(source, parts, VideoInstructions::average));
            registry.add("vabsdiff" + parts, source -> decode(source, parts, (a, b) -> Math.abs(a - b)));
            registry.add("vmin" + parts, source -> decode(source, parts, Math::min));
            registry.add("vmax" + parts, source -> decode(source, parts, Math::max));
        }
    }

    private static Operation decode(final InstructionSource source, final int parts, final IntBinaryOperator function) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(4, 4);
        final boolean signedResult = isSigned(source);
        final boolean signedA = isSigned(source);
        final boolean signedB = isSigned(source);
        final boolean saturates = source.modifiers().take("sat");
        final boolean sums = source.modifiers().take("add");
        if (saturates && sums) {
            throw source.unsupported(".sat and .add exclude each other");
        }
        final int target = source.destination(source.operand(0), PtxType.B32);
        final List<Integer> slots = List.of(source.intSource(source.operand(1), PtxType.B32),
            source.intSource(source.operand(2), PtxType.B32), source.intSource(source.operand(3), PtxType.B32));
        final int bits = Integer.SIZE / parts;
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final int a = warp.ints(slots.get(0))[lane];
                final int b = warp.ints(slots.get(1))[lane];
                int result = sums ? warp.ints(slots.get(2))[lane] : 0;
                for (int part = 0; part < parts; part++) {
                    final int value = function.applyAsInt(part(a, part, bits, signedA), part(b, part, bits, signedB));
                    if (sums) {
                        result += part(value, 0, bits, signedResult);
                    } else {
                        result |= ((saturates ? saturated(value, bits, signedResult) : value) & (1 << bits) - 1)
                            << part * bits;
                    }
                }
                warp.ints(target)[lane] = result;
            }
        };
    }

    private static boolean isSigned(final InstructionSource source) {
        final PtxType type = source.type();
        if (type != PtxType.U32 && type != PtxType.S32) {
            throw source.unsupported("parts of type " + type);
        }
        return type.isSigned();
    }

    private static int part(final int word, final int part, final int bits, final boolean signed) {
        final int above = Integer.SIZE - bits;
        final int shifted = word >>> part * bits << above;
        return signed ? shifted >> above : shifted >>> above;
    }

    /** Halves are rounded away from zero. */
    private static int average(final int a, final int b) {
        return a + b >= 0 ? a + b + 1 >> 1 : a + b >> 1;
    }

    private static int saturated(final int value, final int bits, final boolean signed) {
        final int least = signed ? -(1 << bits - 1) : 0;
        final int most = signed ? (1 << bits - 1) - 1 : (1 << bits) - 1;
        return Math.clamp(value, least, most);
    }
}
