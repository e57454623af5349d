package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxVariable;
import java.util.List;

/** A kernel or device function ready to run. */
public final class DecodedFunction {
    private final FunctionContext context;
    private DecodedInstruction[] code;
    private int watchedRegisters;
    private List<String> watchedNames = List.of();
    private ControlFlow flow;

    DecodedFunction(final FunctionContext context) {
        this.context = context;
    }

    void complete(final DecodedInstruction[] instructions, final ControlFlow controlFlow, final List<String> watched) {
        this.flow = controlFlow;
        this.code = instructions;
        this.watchedNames = watched;
        this.watchedRegisters = watched.size();
    }

    public String name() {
        return context.function().name();
    }

    public boolean isEntry() {
        return context.function().entry();
    }

    public DecodedInstruction[] code() {
        return code;
    }

    /**
     * Whether lanes that leave at the exit have gone past an instruction instead of through it: they do work on their
     * way out that those who execute it do afterwards, too.
     */
    public boolean bypasses(final int exit, final int instruction) {
        return flow.bypasses(exit, instruction);
    }

    public FunctionLayout layout() {
        return context.layout();
    }

    public int frameBytes() {
        return context.frameBytes();
    }

    /** How many registers are watched for reads before the first write. */
    public int watchedRegisters() {
        return watchedRegisters;
    }

    public String watchedName(final int number) {
        return watchedNames.get(number);
    }

    public List<PtxVariable> parameters() {
        return context.function().parameters();
    }

    public List<PtxVariable> results() {
        return context.function().results();
    }

    /** Where in the function's frame its parameters lie. */
    public int[] parameterOffsets() {
        return context.frameOffsets(parameters());
    }

    /** Where in the function's frame its results lie. */
    public int[] resultOffsets() {
        return context.frameOffsets(results());
    }
}
