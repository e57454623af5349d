package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.SpecialRegister;
import io.qwenimage.ptx.tensor.WarpgroupInspection;
import io.qwenimage.ptx.text.PtxFunction;
import io.qwenimage.ptx.text.PtxModule;
import io.qwenimage.ptx.text.PtxRegister;
import io.qwenimage.ptx.text.PtxStatement;
import io.qwenimage.ptx.text.PtxType;
import java.util.ArrayList;
import java.util.List;

/** Decodes the instructions of one function. */
final class FunctionDecoder {
    private final PtxModule module;
    private final FunctionContext context;
    private final InstructionRegistry registry;
    private final List<DecodedInstruction> all;

    FunctionDecoder(final PtxModule module, final FunctionContext context, final InstructionRegistry registry,
                    final List<DecodedInstruction> all) {
        this.module = module;
        this.context = context;
        this.registry = registry;
        this.all = all;
    }

    void decode(final DecodedFunction target) {
        final PtxFunction function = context.function();
        final List<PtxStatement> statements = function.statements();
        final DecodedInstruction[] code = new DecodedInstruction[statements.size()];
        final List<InstructionSource> sources = new ArrayList<>(code.length);
        for (int i = 0; i < code.length; i++) {
            code[i] = instruction(statements.get(i), sources);
            all.add(code[i]);
        }
        watchProducts(code, sources);
        final ControlFlow flow = ControlFlow.of(code, sources, function.entry());
        flow.setReconvergence();
        target.complete(code, flow, new RegisterInspection(code, sources, flow).watch());
    }

    private static void watchProducts(final DecodedInstruction[] code, final List<InstructionSource> sources) {
        final WarpgroupInspection products = new WarpgroupInspection();
        sources.forEach(source -> products.note(source.opcode(), source.reads(), source.writes()));
        for (int i = 0; i < code.length; i++) {
            final InstructionSource source = sources.get(i);
            code[i].operation = products.watch(source.opcode(), source.reads(), source.writes(), code[i].operation);
        }
    }

    private DecodedInstruction instruction(final PtxStatement statement, final List<InstructionSource> sources) {
        final InstructionRegistry.Match match = registry.match(statement);
        if (match == null) {
            throw new UnsupportedInstructionException(statement.line(), module.line(statement.line()),
                "opcode " + statement.opcode() + " is not known");
        }
        final Modifiers modifiers = new Modifiers(match.modifiers());
        final InstructionSource source = new InstructionSource(context, statement, match.opcode(), modifiers);
        final Operation operation = refreshing(source, match.decoder().decode(source));
        if (!modifiers.left().isEmpty()) {
            throw source.unsupported("modifier ." + modifiers.left().get(0) + " is not known");
        }
        context.kernel().accessesShared(source.sharedWidth());
        sources.add(source);
        return new DecodedInstruction(all.size(), source, module.line(statement.line()), operation,
            guard(statement, source));
    }

    private int guard(final PtxStatement statement, final InstructionSource source) {
        if (statement.guard() == null) {
            return -1;
        }
        final PtxRegister guard = statement.scope().register(statement.guard());
        if (guard == null || guard.type() != PtxType.PRED) {
            throw source.unsupported("guard " + statement.guard() + " is not a predicate");
        }
        source.reads().add(guard);
        return context.layout().slot(guard);
    }

    /** Clocks change while a kernel runs: an operation that reads one looks first. */
    private Operation refreshing(final InstructionSource source, final Operation operation) {
        if (source.changing().isEmpty()) {
            return operation;
        }
        final SpecialRegister special = source.changing().get(0);
        final int slot = context.layout().special(special);
        return (warp, mask) -> {
            warp.frame().refresh(special, slot, warp);
            operation.execute(warp, mask);
        };
    }
}
