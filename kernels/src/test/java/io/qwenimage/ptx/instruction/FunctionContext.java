package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxFunction;
import io.qwenimage.ptx.text.PtxModule;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** What the decoding of one function knows: its register slots and where its variables lie. */
public final class FunctionContext {
    private final PtxModule module;
    private final PtxFunction function;
    private final KernelDecoder kernel;
    private final FunctionLayout layout = new FunctionLayout();
    private final Map<PtxVariable, Integer> frameOffsets = new IdentityHashMap<>();
    private final Map<PtxVariable, Integer> parameterOffsets = new IdentityHashMap<>();
    private int frameBytes;
    private int parameterBytes;

    FunctionContext(final PtxModule module, final PtxFunction function, final KernelDecoder kernel) {
        this.module = module;
        this.function = function;
        this.kernel = kernel;
        if (function.entry()) {
            for (final PtxVariable parameter : function.parameters()) {
                parameterBytes = align(parameterBytes, parameter.alignment());
                parameterOffsets.put(parameter, parameterBytes);
                parameterBytes += parameter.bytes();
            }
        } else {
            function.parameters().forEach(this::addToFrame);
            function.results().forEach(this::addToFrame);
        }
        for (final PtxVariable variable : function.variables()) {
            if (variable.space() == PtxVariable.Space.LOCAL || variable.space() == PtxVariable.Space.PARAMETER) {
                addToFrame(variable);
            }
        }
    }

    public FunctionLayout layout() {
        return layout;
    }

    public PtxFunction function() {
        return function;
    }

    /** The kernel that is being decoded, of which this function is a part. */
    public KernelDecoder kernel() {
        return kernel;
    }

    public String text(final int line) {
        return module.line(line);
    }

    /** Whether the module has a function of that name. */
    boolean isFunction(final String name) {
        return module.functions().containsKey(name);
    }

    /** The number that stands for a function's address. */
    long codeAddress(final String name) {
        return module.codeAddress(name);
    }

    /** Bytes of local memory that a call of the function takes. */
    public int frameBytes() {
        return align(frameBytes, 16);
    }

    /** Bytes of a kernel's parameters. */
    public int parameterBytes() {
        return parameterBytes;
    }

    /** Where the variable's bytes are kept: parameters of device functions and of calls are local. */
    public Space spaceOf(final PtxVariable variable) {
        return switch (variable.space()) {
            case GLOBAL -> Space.GLOBAL;
            case CONSTANT -> Space.CONSTANT;
            case SHARED -> Space.SHARED;
            case LOCAL -> Space.LOCAL;
            case PARAMETER -> parameterOffsets.containsKey(variable) ? Space.PARAMETER : Space.LOCAL;
        };
    }

    /** Address of the variable in its own space; of a local one from the start of the function's frame. */
    public long addressOf(final PtxVariable variable) {
        final Integer parameter = parameterOffsets.get(variable);
        if (parameter != null) {
            return parameter;
        }
        final Integer local = frameOffsets.get(variable);
        return local != null ? local : kernel.addressOf(variable);
    }

    /** Offsets of the given parameters (of a device function) in its frame. */
    int[] frameOffsets(final List<PtxVariable> variables) {
        return variables.stream().mapToInt(frameOffsets::get).toArray();
    }

    private void addToFrame(final PtxVariable variable) {
        frameBytes = align(frameBytes, variable.alignment());
        frameOffsets.put(variable, frameBytes);
        frameBytes += variable.bytes();
    }

    static int align(final int offset, final int alignment) {
        return alignment <= 1 ? offset : (offset + alignment - 1) / alignment * alignment;
    }
}
