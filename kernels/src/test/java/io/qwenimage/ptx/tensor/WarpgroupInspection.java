package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.text.PtxRegister;
import io.qwenimage.ptx.text.PtxType;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds a function's instructions that touch registers of its products, and has them watched; see
 * {@link WarpgroupRegisters}. All others run as they are.
 */
public final class WarpgroupInspection {
    private static final String PRODUCT = "wgmma.mma_async";
    private static final String FENCE = "wgmma.fence";

    private final Map<PtxRegister, Integer> numbers = new IdentityHashMap<>();
    private final List<String> names = new ArrayList<>();

    /** Notes the registers of an instruction, if it is a product: all are to be noted before any is watched. */
    public void note(final String opcode, final List<PtxRegister> reads, final List<PtxRegister> writes) {
        if (opcode.equals(PRODUCT)) {
            writes.forEach(this::number);
            reads.stream().filter(WarpgroupInspection::holdsValues).forEach(this::number);
        }
    }

    /**
     * The operation with what has to be checked before it.
     *
     * @param opcode its opcode without modifiers
     */
    public Operation watch(final String opcode, final List<PtxRegister> reads, final List<PtxRegister> writes,
                           final Operation operation) {
        if (opcode.equals(FENCE)) {
            return (warp, mask) -> {
                WarpgroupRegisters.of(warp, names).fence();
                operation.execute(warp, mask);
            };
        }
        final int[] readNumbers = numbers(reads);
        final int[] writeNumbers = numbers(writes);
        if (readNumbers.length + writeNumbers.length == 0) {
            return operation;
        }
        if (opcode.equals(PRODUCT)) {
            return (warp, mask) -> {
                WarpgroupRegisters.of(warp, names).issue(warp, writeNumbers, readNumbers);
                operation.execute(warp, mask);
            };
        }
        final boolean copies = opcode.equals("mov");
        return (warp, mask) -> {
            access(warp, readNumbers, writeNumbers, copies);
            operation.execute(warp, mask);
        };
    }

    private void access(final Warp warp, final int[] reads, final int[] writes, final boolean copies) {
        WarpgroupRegisters.of(warp, names).access(warp, reads, writes, copies);
    }

    private void number(final PtxRegister register) {
        if (numbers.putIfAbsent(register, names.size()) == null) {
            names.add(register.name());
        }
    }

    private int[] numbers(final List<PtxRegister> registers) {
        return registers.stream().filter(numbers::containsKey).mapToInt(numbers::get).toArray();
    }

    private static boolean holdsValues(final PtxRegister register) {
        return register.type() != PtxType.PRED && register.type().bits() == Integer.SIZE;
    }
}
