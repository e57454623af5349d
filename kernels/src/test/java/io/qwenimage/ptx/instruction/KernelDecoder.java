package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.text.PtxFunction;
import io.qwenimage.ptx.text.PtxModule;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxStatement;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Decodes a kernel together with the device functions that it calls. */
public final class KernelDecoder {
    private static final int RECURSIVE_LOCAL_BYTES = 64 << 10;

    private final PtxModule module;
    private final InstructionRegistry registry;
    private final Map<PtxVariable, Long> globals;
    private final Map<PtxVariable, Integer> shared = new IdentityHashMap<>();
    private final Map<String, DecodedFunction> functions = new LinkedHashMap<>();
    private final List<FunctionContext> pending = new ArrayList<>();
    private final List<DecodedInstruction> instructions = new ArrayList<>();
    private int staticSharedBytes;
    private int sharedGranule = 4;

    /**
     * @param globals addresses of the module's global and constant variables
     */
    public KernelDecoder(final PtxModule module, final InstructionRegistry registry,
                         final Map<PtxVariable, Long> globals) {
        this.module = module;
        this.registry = registry;
        this.globals = globals;
    }

    /**
     * Decodes the kernel; throws {@link UnsupportedInstructionException} at the first instruction that is not known,
     * and IllegalArgumentException when the module has no such kernel.
     */
    public DecodedKernel decode(final String name) {
        final PtxFunction kernel = module.functions().get(name);
        if (kernel == null || !kernel.entry()) {
            throw new IllegalArgumentException("the module has no kernel " + name + ", but "
                + module.functions().values().stream().filter(PtxFunction::entry).map(PtxFunction::name).sorted()
                .toList());
        }
        layOutShared(kernel);
        final DecodedFunction entry = function(name);
        final FunctionContext context = pending.get(0);
        int localBytes = 0;
        boolean calls = false;
        while (!pending.isEmpty()) {
            final FunctionContext next = pending.remove(0);
            localBytes += next.frameBytes();
            calls |= next != context;
            new FunctionDecoder(module, next, registry, instructions).decode(functions.get(next.function().name()));
        }
        final int[] offsets = kernel.parameters().stream().mapToInt(p -> (int) context.addressOf(p)).toArray();
        return new DecodedKernel(entry, List.copyOf(instructions), kernel.parameters(), offsets,
            context.parameterBytes(), staticSharedBytes, calls ? localBytes + RECURSIVE_LOCAL_BYTES : localBytes,
            sharedGranule, kernel.limits());
    }

    /** The device function of that name, decoded now or later; null when the module has none with a body. */
    public DecodedFunction function(final String name) {
        final DecodedFunction known = functions.get(name);
        if (known != null) {
            return known;
        }
        final PtxFunction function = module.functions().get(name);
        if (function == null || function.statements().isEmpty()) {
            return null;
        }
        final FunctionContext context = new FunctionContext(module, function, this);
        final DecodedFunction decoded = new DecodedFunction(context);
        functions.put(name, decoded);
        pending.add(context);
        return decoded;
    }

    /** The device functions that take and return so many values, by their addresses: what a pointer may point to. */
    Map<Long, DecodedFunction> functionsByAddress(final int parameters, final int results) {
        final Map<Long, DecodedFunction> byAddress = new LinkedHashMap<>();
        module.functions().values().stream().filter(function -> !function.entry() && !function.statements().isEmpty()
            && function.parameters().size() == parameters && function.results().size() == results).forEach(
                function -> byAddress.put(module.codeAddress(function.name()), function(function.name())));
        return byAddress;
    }

    long addressOf(final PtxVariable variable) {
        final Integer sharedOffset = shared.get(variable);
        if (sharedOffset != null) {
            return sharedOffset;
        }
        final Long global = globals.get(variable);
        if (global == null) {
            throw new IllegalArgumentException("variable " + variable.name()
                + " has no address: it is declared external");
        }
        return global;
    }

    void accessesShared(final int width) {
        sharedGranule = Math.min(sharedGranule, width);
    }

    private void layOutShared(final PtxFunction kernel) {
        final Map<PtxVariable, Boolean> used = new IdentityHashMap<>();
        final List<PtxVariable> inOrder = new ArrayList<>();
        collectShared(kernel, used, inOrder, new ArrayList<>());
        int end = AddressMap.SHARED_START;
        int dynamicAlignment = 16;
        for (final PtxVariable variable : inOrder) {
            if (variable.bytes() == 0) {
                dynamicAlignment = Math.max(dynamicAlignment, variable.alignment());
            } else {
                end = FunctionContext.align(end, variable.alignment());
                shared.put(variable, end);
                end += variable.bytes();
            }
        }
        final int dynamicStart = FunctionContext.align(end, dynamicAlignment);
        boolean dynamic = false;
        for (final PtxVariable variable : inOrder) {
            if (variable.bytes() == 0) {
                shared.put(variable, dynamicStart);
                dynamic = true;
            }
        }
        staticSharedBytes = (dynamic ? dynamicStart : end) - AddressMap.SHARED_START;
    }

    private void collectShared(final PtxFunction function, final Map<PtxVariable, Boolean> used,
                               final List<PtxVariable> inOrder, final List<String> visited) {
        visited.add(function.name());
        for (final PtxStatement statement : function.statements()) {
            if (statement.opcode().startsWith("call") && callsByAddress(statement)) {
                module.functions().values().stream().filter(each -> !each.entry() && !visited.contains(each.name()))
                    .forEach(each -> collectShared(each, used, inOrder, visited));
            }
            for (final PtxOperand operand : statement.operands()) {
                collectShared(statement, operand, used, inOrder, visited);
            }
        }
    }

    private static boolean callsByAddress(final PtxStatement statement) {
        return statement.operands().stream().anyMatch(operand -> operand instanceof final PtxOperand.Name name
            && statement.scope().register(name.name()) != null);
    }

    private void collectShared(final PtxStatement statement, final PtxOperand operand,
                               final Map<PtxVariable, Boolean> used, final List<PtxVariable> inOrder,
                               final List<String> visited) {
        switch (operand) {
            case PtxOperand.Name named -> collectName(statement, named.name(), used, inOrder, visited);
            case PtxOperand.Address address -> {
                collectShared(statement, address.base(), used, inOrder, visited);
                address.further().forEach(o -> collectShared(statement, o, used, inOrder, visited));
            }
            case PtxOperand.Vector vector ->
                vector.elements().forEach(o -> collectShared(statement, o, used, inOrder, visited));
            case PtxOperand.Group group ->
                group.elements().forEach(o -> collectShared(statement, o, used, inOrder, visited));
            case PtxOperand.Literal literal -> { }
            case PtxOperand.Negated negated -> { }
            case PtxOperand.Pair pair -> { }
        }
    }

    private void collectName(final PtxStatement statement, final String name, final Map<PtxVariable, Boolean> used,
                             final List<PtxVariable> inOrder, final List<String> visited) {
        if (statement.scope().register(name) != null) {
            return;
        }
        final PtxVariable variable = statement.scope().variable(name);
        if (variable != null) {
            if (variable.space() == PtxVariable.Space.SHARED && used.put(variable, true) == null) {
                inOrder.add(variable);
            }
            return;
        }
        final PtxFunction callee = module.functions().get(name);
        if (callee != null && !visited.contains(name)) {
            collectShared(callee, used, inOrder, visited);
        }
    }
}
