package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.instruction.PredicateOperand;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Decodes {@code wgmma.*}. */
final class WarpgroupInstructions {
    private WarpgroupInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("wgmma.mma_async", WarpgroupInstructions::multiply);
        registry.add("wgmma.fence", source -> warpWide(source, (warp, mask) -> warp.synchroniseLanes(mask)));
        registry.add("wgmma.commit_group", source -> warpWide(source, (warp, mask) -> WarpgroupUnit.of(warp).commit()));
        registry.add("wgmma.wait_group", WarpgroupInstructions::await);
    }

    private static Operation await(final InstructionSource source) {
        final int youngest = TensorMapInstructions.immediate(source, 0);
        return warpWide(source, (warp, mask) -> WarpgroupUnit.of(warp).await(youngest));
    }

    private static Operation multiply(final InstructionSource source) {
        source.require("sync");
        source.require("aligned");
        source.aligned();
        source.classify(InstructionClass.TENSOR);
        final boolean saturates = source.modifiers().take("satfinite");
        final String modifier = source.modifiers().takePrefixed("m64");
        final WarpgroupShape shape = shape(source, modifier);
        source.countMultiplyAdds(shape.n() * shape.depth() / 2);
        final List<PtxOperand> accumulators = InstructionSource.elements(source.operand(0));
        if (accumulators.size() != shape.accumulatorRegisters()) {
            throw source.unsupported(accumulators.size() + " accumulators where " + shape.accumulatorRegisters()
                + " are expected");
        }
        final int[] registers = accumulators.stream().mapToInt(each -> source.destination(each, PtxType.B32)).toArray();
        final boolean fromRegisters = source.operand(1) instanceof PtxOperand.Vector;
        final int[] left = fromRegisters
            ? InstructionSource.elements(source.operand(1)).stream().mapToInt(each -> source.intSource(each,
                PtxType.B32)).toArray()
            : new int[] {source.longSource(source.operand(1), PtxType.B64)};
        if (fromRegisters && left.length != 4) {
            throw source.unsupported(left.length + " registers of matrix A where 4 are expected");
        }
        final int right = source.longSource(source.operand(2), PtxType.B64);
        final Scale scale = Scale.of(source, 3);
        final boolean floats = !shape.isInteger();
        final int transposes = floats && shape.mayTranspose() ? fromRegisters ? 1 : 2 : 0;
        source.requireOperands(4 + (floats ? 2 : 0) + transposes, 4 + (floats ? 2 : 0) + transposes);
        final WarpgroupMultiply multiply = new WarpgroupMultiply(shape, floats && isNegative(source, 4),
            floats && isNegative(source, 5), saturates);
        final boolean leftTransposed = transposes == 2 && TensorMapInstructions.immediate(source, 6) == 1;
        final boolean rightTransposed = transposes > 0 && TensorMapInstructions.immediate(source, 5 + transposes) == 1;
        return (warp, mask) -> {
            if (!WarpgroupUnit.hasWarpgroup(warp.block(), warp.index())) {
                warp.report(FindingKind.DIVERGED, 0, "the block has no four warps here to execute it together");
                return;
            }
            final long[] descriptors = {fromRegisters ? 0 : uniform(warp, left[0], "A"), uniform(warp, right, "B")};
            final WarpgroupOperand a = fromRegisters ? null
                : WarpgroupOperand.find(warp, descriptors[0], shape.left(), WarpgroupShape.M, leftTransposed);
            final WarpgroupOperand b = WarpgroupOperand.find(warp, descriptors[1], shape.right(), shape.n(),
                rightTransposed);
            if (b != null && (fromRegisters || a != null)) {
                WarpgroupUnit.of(warp).issue(multiply, a, fromRegisters ? slots(warp, left) : null, b, slots(warp,
                    registers),
                    scale.isSet(warp), descriptors);
            }
        };
    }

    private static WarpgroupShape shape(final InstructionSource source, final String modifier) {
        final PtxType accumulator = source.type();
        final PtxType left = source.type();
        final PtxType right = source.type();
        try {
            return WarpgroupShape.of(modifier, accumulator, left, right);
        } catch (final IllegalArgumentException breach) {
            throw source.unsupported(breach.getMessage());
        }
    }

    private static boolean isNegative(final InstructionSource source, final int operand) {
        return switch (TensorMapInstructions.immediate(source, operand)) {
            case 1 -> false;
            case -1 -> true;
            default -> throw source.unsupported("operand " + (operand + 1) + " has to be 1 or -1");
        };
    }

    private static int[][] slots(final Warp warp, final int[] slots) {
        final int[][] registers = new int[slots.length][];
        for (int i = 0; i < slots.length; i++) {
            registers[i] = warp.ints(slots[i]);
        }
        return registers;
    }

    private static long uniform(final Warp warp, final int slot, final String matrix) {
        final long[] values = warp.longs(slot);
        for (int lane = 1; lane < Warp.LANES; lane++) {
            if (values[lane] != values[0]) {
                warp.report(FindingKind.INVALID_OPERAND, lane, "the descriptor of matrix " + matrix
                    + " is not the same in all lanes");
                break;
            }
        }
        return values[0];
    }

    static Operation warpWide(final InstructionSource source, final Operation operation) {
        source.require("sync");
        source.require("aligned");
        source.aligned();
        return operation;
    }

    /** The operand scale-d: a predicate or a constant. */
    private record Scale(PredicateOperand predicate, boolean constant) {
        static Scale of(final InstructionSource source, final int operand) {
            if (source.operand(operand) instanceof final PtxOperand.Literal literal) {
                return new Scale(null, literal.bits() != 0);
            }
            return new Scale(source.predicate(source.operand(operand)), false);
        }

        boolean isSet(final Warp warp) {
            if (predicate == null) {
                return constant;
            }
            final int values = predicate.lanes(warp);
            if (values != 0 && values != -1) {
                warp.report(FindingKind.INVALID_OPERAND, 0, "scale-d is not the same in all lanes");
            }
            return values != 0;
        }
    }
}
