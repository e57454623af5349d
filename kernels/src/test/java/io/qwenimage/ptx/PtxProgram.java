package io.qwenimage.ptx;

import io.qwenimage.ptx.instruction.DecodedKernel;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.KernelDecoder;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.text.PtxFunction;
import io.qwenimage.ptx.text.PtxModule;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A PTX module loaded into a device memory: its global and constant variables have addresses and their initial values,
 * its kernels are decoded when they are first asked for. Safe for use by several threads.
 */
public final class PtxProgram {
    private final PtxModule module;
    private final DeviceMemory memory;
    private final Map<PtxVariable, Long> globals;
    private final Map<String, DecodedKernel> kernels = new HashMap<>();
    private final InstructionRegistry registry = InstructionRegistry.standard();

    private PtxProgram(final PtxModule module, final DeviceMemory memory, final Map<PtxVariable, Long> globals) {
        this.module = module;
        this.memory = memory;
        this.globals = globals;
    }

    /**
     * Parses PTX text and loads it; throws {@link io.qwenimage.ptx.text.PtxSyntaxException} where it cannot be read.
     */
    public static PtxProgram load(final String text, final DeviceMemory memory) {
        final PtxModule module = PtxModule.parse(text);
        return new PtxProgram(module, memory, new ModuleVariables(module, memory).place());
    }

    /** The memory it was loaded into. */
    public DeviceMemory memory() {
        return memory;
    }

    /** The target architecture of the text, for example {@code sm_90a}. */
    public String target() {
        return module.target();
    }

    /** Names of its kernels. */
    public List<String> kernelNames() {
        return module.functions().values().stream().filter(PtxFunction::entry).map(PtxFunction::name).sorted().toList();
    }

    /**
     * The kernel, decoded. Throws IllegalArgumentException when there is none of that name, and
     * {@link io.qwenimage.ptx.instruction.UnsupportedInstructionException} for an instruction that is not known.
     */
    public synchronized DecodedKernel kernel(final String name) {
        DecodedKernel kernel = kernels.get(name);
        if (kernel == null) {
            kernel = new KernelDecoder(module, registry, globals).decode(name);
            kernels.put(name, kernel);
        }
        return kernel;
    }

    /** Address of a global or constant variable; throws IllegalArgumentException when there is none of that name. */
    public long address(final String variable) {
        final PtxVariable found = module.scope().variable(variable);
        if (found == null || !globals.containsKey(found)) {
            throw new IllegalArgumentException("the module has no global variable " + variable);
        }
        return globals.get(found);
    }

    /** Bytes of a global or constant variable. */
    public long size(final String variable) {
        address(variable);
        return module.scope().variable(variable).bytes();
    }

    /** Frees the module's variables. */
    public void unload() {
        globals.values().forEach(memory::free);
    }

    /** The parameter offsets of a kernel, as {@code cuFuncGetParamInfo} tells them, followed by the bytes of all. */
    public int[] parameterLayout(final String kernel) {
        final DecodedKernel decoded = kernel(kernel);
        final int[] layout = Arrays.copyOf(decoded.parameterOffsets(), decoded.parameterOffsets().length + 1);
        layout[layout.length - 1] = decoded.parameterBytes();
        return layout;
    }
}
