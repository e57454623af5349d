package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.FrameCopy;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Branches, calls and ends: {@code bra brx.idx call ret exit trap brkpt}. */
final class ControlInstructions {
    private ControlInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("bra", ControlInstructions::branch);
        registry.add("brx.idx", ControlInstructions::branchIndexed);
        registry.add("call", ControlInstructions::call);
        registry.add("ret", ControlInstructions::returnFromCall);
        registry.add("exit", ControlInstructions::exit);
        registry.add("trap", ControlInstructions::trap);
        registry.add("brkpt", ControlInstructions::trap);
    }

    private static Operation branch(final InstructionSource source) {
        source.classify(InstructionClass.BRANCH);
        source.modifiers().ignore("uni");
        final int target = source.label(source.operand(0));
        return (ControlOperation) (warp, mask) -> warp.branch(target, mask);
    }

    private static Operation branchIndexed(final InstructionSource source) {
        source.classify(InstructionClass.BRANCH);
        source.modifiers().ignore("uni");
        final int index = source.intSource(source.operand(0), PtxType.U32);
        final int[] targets = source.branchTargets(source.operand(1));
        return (ControlOperation) (warp, mask) -> {
            final int[] laneTargets = new int[32];
            for (int lane = 0; lane < 32; lane++) {
                final int number = warp.ints(index)[lane];
                if ((mask >>> lane & 1) != 0 && Integer.compareUnsigned(number, targets.length) >= 0) {
                    warp.report(FindingKind.INVALID_OPERAND, lane,
                        "index " + Integer.toUnsignedString(number) + " into " + targets.length + " targets");
                }
                laneTargets[lane] = targets[Math.floorMod(number, targets.length)];
            }
            warp.branchIndexed(laneTargets, mask);
        };
    }

    private static Operation returnFromCall(final InstructionSource source) {
        source.classify(InstructionClass.BRANCH);
        source.modifiers().ignore("uni");
        return (ControlOperation) (warp, mask) -> warp.returnFromCall(mask);
    }

    private static Operation exit(final InstructionSource source) {
        source.classify(InstructionClass.BRANCH);
        return (ControlOperation) (warp, mask) -> warp.exit(mask);
    }

    private static Operation trap(final InstructionSource source) {
        final String opcode = source.opcode();
        return (ControlOperation) (warp, mask) -> {
            if (mask != 0) {
                warp.report(FindingKind.TRAP, Integer.numberOfTrailingZeros(mask), "the kernel executes " + opcode);
            }
            warp.exit(mask);
        };
    }

    /** {@code call (result), function, (arguments);}: arguments and results are variables of the .param space. */
    private static Operation call(final InstructionSource source) {
        source.classify(InstructionClass.BRANCH);
        source.modifiers().ignore("uni");
        final boolean hasResults = source.operand(0) instanceof PtxOperand.Group;
        final List<PtxOperand> results = hasResults ? group(source, 0) : List.of();
        final int at = hasResults ? 1 : 0;
        final List<PtxOperand> arguments = source.operandCount() > at + 1
            && source.operand(at + 1) instanceof PtxOperand.Group ? group(source, at + 1) : List.of();
        if (!(source.operand(at) instanceof PtxOperand.Name name)) {
            throw source.unsupported("the function called is not named");
        }
        if (source.isRegister(name)) {
            return callByAddress(source, source.longSource(name, PtxType.U64), arguments, results);
        }
        final DecodedFunction function = source.context().kernel().function(name.name());
        if (function == null) {
            final Operation system = SystemCalls.decode(source, name.name(), arguments, results);
            if (system != null) {
                return system;
            }
            throw source.unsupported("function " + name.name() + " has no body in this module");
        }
        if (arguments.size() != function.parameters().size() || results.size() != function.results().size()) {
            throw source.unsupported(function.name() + " takes " + function.parameters().size() + " and returns "
                + function.results().size() + " values");
        }
        final FrameCopy in = copy(source, arguments, function.parameters(), function.parameterOffsets(), true);
        final FrameCopy out = copy(source, results, function.results(), function.resultOffsets(), false);
        return (ControlOperation) (warp, mask) -> warp.call(function, mask, 0, in, out);
    }

    /** Lanes that go to one function go together; the others execute the call again when those have begun. */
    private static Operation callByAddress(final InstructionSource source, final int address,
                                           final List<PtxOperand> arguments, final List<PtxOperand> results) {
        final Map<Long, DecodedFunction> functions =
            source.context().kernel().functionsByAddress(arguments.size(), results.size());
        final Map<Long, FrameCopy> into = new HashMap<>();
        final Map<Long, FrameCopy> back = new HashMap<>();
        functions.forEach((at, function) -> {
            into.put(at, copy(source, arguments, function.parameters(), function.parameterOffsets(), true));
            back.put(at, copy(source, results, function.results(), function.resultOffsets(), false));
        });
        return (ControlOperation) (warp, mask) -> {
            if (mask == 0) {
                warp.branch(0, 0);
                return;
            }
            final long[] targets = warp.longs(address);
            final int first = Integer.numberOfTrailingZeros(mask);
            final long target = targets[first];
            int together = 0;
            for (int lane = 0; lane < 32; lane++) {
                together |= (mask >>> lane & 1) != 0 && targets[lane] == target ? 1 << lane : 0;
            }
            if (functions.containsKey(target)) {
                warp.call(functions.get(target), together, mask & ~together, into.get(target), back.get(target));
            } else {
                warp.report(FindingKind.INVALID_OPERAND, first, "calls address 0x" + Long.toHexString(target)
                    + ", where no function of " + arguments.size() + " parameters and " + results.size()
                    + " results begins");
                warp.launch().findings().stop();
                warp.exit(mask);
            }
        };
    }

    private static List<PtxOperand> group(final InstructionSource source, final int index) {
        return ((PtxOperand.Group) source.operand(index)).elements();
    }

    private static FrameCopy copy(final InstructionSource source, final List<PtxOperand> operands,
                                  final List<PtxVariable> variables, final int[] calleeOffsets, final boolean into) {
        final List<FrameCopy> copies = new ArrayList<>();
        for (int i = 0; i < operands.size(); i++) {
            final PtxVariable variable = source.variableOrNull(operands.get(i));
            if (variable == null) {
                throw source.unsupported("argument " + (i + 1) + " is not a variable");
            }
            final int callerOffset = (int) source.context().addressOf(variable);
            final int calleeOffset = calleeOffsets[i];
            final int bytes = Math.min(variable.bytes(), variables.get(i).bytes());
            copies.add((warp, caller, callee, mask) -> {
                final int from = into ? caller.localBase() + callerOffset : callee.localBase() + calleeOffset;
                final int to = into ? callee.localBase() + calleeOffset : caller.localBase() + callerOffset;
                final MemoryRegion local = warp.localMemory();
                final int stride = local.size() / 32;
                for (int lane = 0; lane < 32; lane++) {
                    if ((mask >>> lane & 1) != 0) {
                        local.copyWithin(lane * stride + from, lane * stride + to, bytes);
                    }
                }
            });
        }
        return (warp, caller, callee, mask) -> copies.forEach(copy -> copy.copy(warp, caller, callee, mask));
    }
}
