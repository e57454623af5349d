package io.qwenimage.ptx.instruction;

/** Turns an instruction as written into what it does; one per opcode, kept in the {@link InstructionRegistry}. */
@FunctionalInterface
public interface InstructionDecoder {
    /** Takes the modifiers it knows from the source and resolves the operands. */
    Operation decode(InstructionSource source);
}
