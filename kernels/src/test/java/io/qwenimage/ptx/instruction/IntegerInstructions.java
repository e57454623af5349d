package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.text.PtxType;

/** Integer arithmetic. */
final class IntegerInstructions {
    private IntegerInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("add", IntegerInstructions::add);
    }

    private static Operation add(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        return type.bits() <= 32 ? Lanes.ints(target, a, b, Integer::sum) : Lanes.longs(target, a, b, Long::sum);
    }
}
