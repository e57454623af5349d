package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;
import io.qwenimage.kernels.driver.ComputeCapability;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.instruction.DecodedKernel;
import io.qwenimage.ptx.instruction.UnsupportedInstructionException;
import io.qwenimage.ptx.text.PtxSyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUresult;

/** Modules and their kernels. */
final class ModuleCalls {
    private static final int ELF = 0x464c457f;
    private static final Pattern CUBIN = Pattern.compile("(.+)\\.(sm_(\\d+)(\\d)([af]?))\\.cubin");
    private static final Pattern TARGET = Pattern.compile("sm_(\\d+)(\\d)([af]?)");
    private static final Pattern VERSION = Pattern.compile("(?m)^\\s*\\.version\\s+(\\d+)\\.(\\d+)");
    private static final int LOG_OPTION = CUjit_option.CU_JIT_ERROR_LOG_BUFFER;
    /** A kernel without figures of the compiler is taken to need so many registers. */
    private static final int UNKNOWN_REGISTERS = 32;

    private final StandIn standIn;
    private final ImageTable images = new ImageTable();

    ModuleCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuModuleLoadData", Call.of(arguments -> load(arguments, null)));
        calls.put("cuModuleLoadDataEx", Call.of(arguments -> load(arguments, log(arguments))));
        calls.put("cuModuleUnload", Call.of(arguments -> {
            final PosedContext context = session().current();
            final PosedModule module = session().handles().close(arguments.word(0), PosedModule.class);
            requireSame(context, module.context(), "a module");
            context.drain();
            module.program().unload();
            session().handles().closeAll(object -> object instanceof final PosedFunction function
                    && function.module() == module);
            context.countModule(-1);
        }));
        calls.put("cuModuleGetFunction", Call.of(this::function));
        calls.put("cuFuncGetAttribute", Call.of(arguments -> arguments.pointer(0).setInt(0,
                attribute(functionOf(arguments.word(2)), arguments.number(1)))));
        calls.put("cuFuncSetAttribute", Call.of(arguments ->
                setAttribute(functionOf(arguments.word(0)), arguments.number(1), arguments.number(2))));
        return calls;
    }

    /** A kernel that is loaded in the current context. */
    PosedFunction functionOf(final long handle) {
        final PosedContext context = session().current();
        final PosedFunction function = session().handles().get(handle, PosedFunction.class);
        requireSame(context, function.module().context(), "a kernel");
        return function;
    }

    private void load(final Arguments arguments, final Pointer log) {
        final PosedContext context = session().current();
        final Pointer image = arguments.pointer(1);
        final PosedModule module;
        try {
            module = image.getInt(0) == ELF ? fromCubin(context, cubin(image))
                    : fromPtx(context, image.getString(0, StandardCharsets.UTF_8.name()));
        } catch (final PtxSyntaxException e) {
            if (log != null) {
                log.setString(0, e.getMessage());
            }
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_PTX, e.getMessage());
        }
        context.countModule(1);
        arguments.pointer(0).setLong(0, session().handles().open(module));
    }

    /** Where the caller wants to read why PTX cannot be compiled, or null. */
    private static Pointer log(final Arguments arguments) {
        for (int option = 0; option < arguments.number(2); option++) {
            if (arguments.pointer(3).getInt(4L * option) == LOG_OPTION) {
                return arguments.pointer(4).getPointer(8L * option);
            }
        }
        return null;
    }

    /** An ELF file is as long as the last of its header tables. */
    private static byte[] cubin(final Pointer image) {
        final long programs = image.getLong(32) + (long) image.getShort(54) * image.getShort(56);
        final long sections = image.getLong(40) + (long) image.getShort(58) * image.getShort(60);
        return image.getByteArray(0, (int) Math.max(programs, sections));
    }

    private PosedModule fromCubin(final PosedContext context, final byte[] content) {
        final String name = images.nameOf(content).orElseThrow(() -> new Refusal(CUresult.CUDA_ERROR_INVALID_IMAGE,
                "a cubin of " + content.length + " bytes that the build has not made"));
        final Matcher parts = CUBIN.matcher(name);
        if (!parts.matches()) {
            throw new IllegalStateException("a cubin named " + name);
        }
        final ComputeCapability capability = context.device().capability();
        final int major = Integer.parseInt(parts.group(3));
        final int minor = Integer.parseInt(parts.group(4));
        final boolean exact = major == capability.major() && minor == capability.minor();
        final boolean compatible = major == capability.major() && minor <= capability.minor();
        if (!(parts.group(5).equals("a") ? exact : compatible)) {
            throw new Refusal(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, name + " on compute capability " + capability);
        }
        final String ptx = images.ptx(parts.group(1), parts.group(2)).orElseThrow(() -> new IllegalStateException(
                "there is no PTX of " + name + " among the test resources"));
        return new PosedModule(context, name, parts.group(2), PtxProgram.load(ptx, context.memory()),
                images.text(parts.group(1) + ".json").orElse(null), content);
    }

    private PosedModule fromPtx(final PosedContext context, final String text) {
        final Matcher version = VERSION.matcher(text);
        if (!version.find()) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_PTX, "a module that is neither a cubin nor PTX");
        }
        // CUDA 11.0 reads PTX 7.0, and every later version of either one more.
        final int supported = session().driverVersion() / 1000 * 10 - 40 + session().driverVersion() % 1000 / 10;
        if (Integer.parseInt(version.group(1)) * 10 + Integer.parseInt(version.group(2)) > supported) {
            throw new Refusal(CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "PTX " + version.group(1) + "."
                    + version.group(2) + " for a driver of " + session().driverVersion());
        }
        final PtxProgram program = PtxProgram.load(text, context.memory());
        final Matcher target = TARGET.matcher(program.target());
        final ComputeCapability capability = context.device().capability();
        if (!target.matches() || !(target.group(3).isEmpty()
                ? capability.isAtLeast(Integer.parseInt(target.group(1)), Integer.parseInt(target.group(2)))
                : capability.architecture().equals("sm_" + target.group(1) + target.group(2)))) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_PTX, "PTX for " + program.target() + " on compute capability "
                    + capability);
        }
        return new PosedModule(context, "PTX", program.target(), program, null, null);
    }

    private void function(final Arguments arguments) {
        final PosedContext context = session().current();
        final PosedModule module = session().handles().get(arguments.word(1), PosedModule.class);
        requireSame(context, module.context(), "a module");
        final String name = arguments.pointer(2).getString(0);
        if (!module.program().kernelNames().contains(name)) {
            throw new Refusal(CUresult.CUDA_ERROR_NOT_FOUND, null);
        }
        final DecodedKernel kernel;
        try {
            kernel = module.program().kernel(name);
        } catch (final UnsupportedInstructionException e) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_SOURCE, e.getMessage());
        }
        arguments.pointer(0).setLong(0, session().handles().open(new PosedFunction(module, kernel,
                figures(module, kernel))));
    }

    private static KernelFigures figures(final PosedModule module, final DecodedKernel kernel) {
        if (module.figures() == null) {
            return new KernelFigures(UNKNOWN_REGISTERS, kernel.staticSharedBytes(), 0, LaunchCalls.THREADS_PER_BLOCK);
        }
        return KernelFigures.read(module.figures(), module.architecture(), kernel.name()).orElseThrow(
                () -> new IllegalStateException("the build wrote no figures of " + kernel.name() + " for "
                        + module.architecture()));
    }

    private static int attribute(final PosedFunction function, final int attribute) {
        return switch (attribute) {
            case CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS -> function.figures().registers();
            case CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES -> function.figures().localBytes();
            case CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES -> function.figures().staticSharedBytes();
            case CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK -> function.figures().maximumThreads();
            case CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES -> function.dynamicSharedLimit();
            default -> throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE,
                    "attribute " + attribute + " of a kernel, which the stand-in does not know");
        };
    }

    private static void setAttribute(final PosedFunction function, final int attribute, final int value) {
        if (attribute != CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE,
                    "attribute " + attribute + " of a kernel, which the stand-in does not set");
        }
        final int limit = function.module().context().device().sharedBytesPerBlockOptIn()
                - function.figures().staticSharedBytes();
        if (value < 0 || value > limit) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, value + " bytes of dynamic shared memory for "
                    + function.kernel().name() + ", at most " + limit + " are possible");
        }
        function.allowDynamicShared(value);
    }

    private static void requireSame(final PosedContext current, final PosedContext owner, final String what) {
        if (current != owner) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE, what + " of another context");
        }
    }

    private Session session() {
        return standIn.session();
    }
}
