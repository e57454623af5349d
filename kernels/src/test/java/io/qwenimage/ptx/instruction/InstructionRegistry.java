package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.tensor.TensorInstructions;
import io.qwenimage.ptx.text.PtxStatement;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The opcodes that the machine knows. An opcode may hold dots ({@code cp.async.bulk}): the longest registered one that
 * an instruction starts with decodes it, and what follows are its modifiers.
 */
public final class InstructionRegistry {
    private final Map<String, InstructionDecoder> decoders = new HashMap<>();

    /** A registry with everything the machine knows. */
    public static InstructionRegistry standard() {
        final InstructionRegistry registry = new InstructionRegistry();
        MoveInstructions.register(registry);
        ArithmeticInstructions.register(registry);
        IntegerInstructions.register(registry);
        CarryInstructions.register(registry);
        BitInstructions.register(registry);
        VideoInstructions.register(registry);
        FloatInstructions.register(registry);
        SpecialInstructions.register(registry);
        ComparisonInstructions.register(registry);
        ConversionInstructions.register(registry);
        MemoryInstructions.register(registry);
        AtomicInstructions.register(registry);
        AsyncCopyInstructions.register(registry);
        WarpInstructions.register(registry);
        BarrierInstructions.register(registry);
        MatrixInstructions.register(registry);
        ControlInstructions.register(registry);
        TensorInstructions.register(registry);
        return registry;
    }

    /** Adds an opcode; each may be added once. */
    public void add(final String opcode, final InstructionDecoder decoder) {
        if (decoders.put(opcode, decoder) != null) {
            throw new IllegalStateException("opcode " + opcode + " is registered twice");
        }
    }

    /** Finds the decoder of a statement and the modifiers it leaves; null when the opcode is not known. */
    public Match match(final PtxStatement statement) {
        final String[] parts = statement.opcode().split("\\.");
        for (int length = parts.length; length > 0; length--) {
            final String opcode = String.join(".", Arrays.asList(parts).subList(0, length));
            final InstructionDecoder decoder = decoders.get(opcode);
            if (decoder != null) {
                return new Match(opcode, decoder, Arrays.asList(parts).subList(length, parts.length));
            }
        }
        return null;
    }

    /**
     * A decoder with what it is to decode.
     *
     * @param opcode the registered opcode
     * @param decoder its decoder
     * @param modifiers what follows it
     */
    public record Match(String opcode, InstructionDecoder decoder, List<String> modifiers) {
    }
}
