package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;

/** An instruction ready to run. Its fields are read in the innermost loop of the machine. */
public final class DecodedInstruction {
    private static final int[] NONE = {};

    /** Number within the kernel and its device functions, for the counters. */
    public final int id;
    public final int line;
    public final String text;
    public final String opcode;
    public final InstructionClass instructionClass;
    /** What it does; inspection may have it watched. */
    public Operation operation;
    /** Whether the operation moves the program counter itself. */
    public final boolean control;
    /** Predicate slot of the guard, or -1. */
    public final int guard;
    public final boolean guardNegated;
    public final boolean aligned;
    public final int multiplyAdds;
    /** Index of the instruction at which diverging lanes meet again, or -1. */
    public int reconvergence = -1;
    /** Numbers of the registers that may be read before they are written; see {@link RegisterInspection}. */
    public int[] watchedReads = NONE;
    public int[] watchedWrites = NONE;
    /** Number of the guard among the watched registers, or -1. */
    public int watchedGuard = -1;
    /** What it does with registers that were never written. */
    public RegisterUse register = RegisterUse.ACTS;
    /** Whether some source is known to have a value. */
    public boolean knownSource;

    DecodedInstruction(final int id, final InstructionSource source, final String text, final Operation operation,
                       final int guard) {
        this.id = id;
        this.line = source.line();
        this.text = text;
        this.opcode = source.opcode();
        this.instructionClass = source.instructionClass();
        this.operation = operation;
        this.control = operation instanceof ControlOperation;
        this.guard = guard;
        this.guardNegated = source.statement().guardNegated();
        this.aligned = source.isAligned();
        this.multiplyAdds = source.multiplyAdds();
    }

    /** Whether anything has to be checked or noted about written registers. */
    public boolean isWatched() {
        return watchedReads.length + watchedWrites.length > 0 || watchedGuard >= 0;
    }

    /** What an instruction does with the values of its registers. */
    public enum RegisterUse {
        /** Moves them or puts them side by side: compilers pad vectors with registers that have no value. */
        PASSES_ON,
        /** Computes other registers from them. */
        COMPUTES,
        /** Moves them between lanes; the operation itself says which lane's value each lane gets. */
        EXCHANGES,
        /** Acts upon them: an address, a stored value, a branch. */
        ACTS
    }
}
