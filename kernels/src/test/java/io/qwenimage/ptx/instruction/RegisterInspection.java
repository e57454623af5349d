package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.instruction.DecodedInstruction.RegisterUse;
import io.qwenimage.ptx.text.PtxRegister;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the registers that some path reads before it writes them. Only these have to be watched while the kernel runs:
 * every other read is known to follow a write. A write under a guard does not count as one here, and passing a value on
 * counts only when there is one.
 */
final class RegisterInspection {
    private final DecodedInstruction[] code;
    private final List<InstructionSource> sources;
    private final ControlFlow flow;
    private final Map<PtxRegister, Integer> numbers = new IdentityHashMap<>();
    private final List<PtxRegister> registers = new ArrayList<>();
    private int[][] reads;
    private int[][] writes;

    RegisterInspection(final DecodedInstruction[] code, final List<InstructionSource> sources, final ControlFlow flow) {
        this.code = code;
        this.sources = sources;
        this.flow = flow;
    }

    /** Notes in the instructions which registers to watch; returns their names by number. */
    List<String> watch() {
        reads = new int[code.length][];
        writes = new int[code.length][];
        for (int i = 0; i < code.length; i++) {
            reads[i] = numbers(sources.get(i).reads());
            writes[i] = numbers(sources.get(i).writes());
        }
        final BitSet watched = possiblyUnwritten();
        final int[] watchNumber = new int[registers.size()];
        Arrays.fill(watchNumber, -1);
        final List<String> names = new ArrayList<>();
        for (int register = watched.nextSetBit(0); register >= 0; register = watched.nextSetBit(register + 1)) {
            watchNumber[register] = names.size();
            names.add(registers.get(register).name());
        }
        for (int i = 0; i < code.length; i++) {
            code[i].register = use(i);
            final int[] values = valueReads(i);
            code[i].watchedReads = watchedOf(values, watchNumber);
            code[i].knownSource = code[i].watchedReads.length < values.length || values.length == 0;
            code[i].watchedWrites = watchedOf(writes[i], watchNumber);
            code[i].watchedGuard = code[i].guard < 0 ? -1 : watchNumber[reads[i][reads[i].length - 1]];
        }
        return names;
    }

    /** What an instruction reads besides its guard, which is noted last. */
    private int[] valueReads(final int i) {
        return code[i].guard < 0 ? reads[i] : Arrays.copyOf(reads[i], reads[i].length - 1);
    }

    /** Forward analysis: a register is written at a point when it is written on every path to it. */
    private BitSet possiblyUnwritten() {
        final BitSet[] writtenBefore = new BitSet[code.length];
        final BitSet watched = new BitSet();
        if (code.length == 0) {
            return watched;
        }
        writtenBefore[0] = new BitSet();
        final BitSet queue = new BitSet();
        queue.set(0);
        while (!queue.isEmpty()) {
            int i = queue.nextSetBit(0);
            queue.clear(i);
            final BitSet state = (BitSet) writtenBefore[i].clone();
            while (true) {
                apply(i, state, watched);
                final int[] successors = flow.successors(i);
                if (successors.length == 1 && successors[0] == i + 1 && i + 1 < code.length
                    && merge(writtenBefore, i + 1, state)) {
                    i++;
                    queue.clear(i);
                    state.clear();
                    state.or(writtenBefore[i]);
                    continue;
                }
                if (!(successors.length == 1 && successors[0] == i + 1)) {
                    for (final int successor : successors) {
                        if (successor < code.length && merge(writtenBefore, successor, state)) {
                            queue.set(successor);
                        }
                    }
                }
                break;
            }
        }
        return watched;
    }

    private void apply(final int i, final BitSet state, final BitSet watched) {
        final int[] values = valueReads(i);
        boolean any = values.length == 0;
        boolean all = true;
        for (final int register : values) {
            any |= state.get(register);
            all &= state.get(register);
        }
        final Outcome outcome = outcome(use(i), any, all);
        if (outcome != Outcome.KNOWN) {
            for (final int register : values) {
                if (!state.get(register)) {
                    watched.set(register);
                }
            }
        }
        if (code[i].guard >= 0 && !state.get(reads[i][values.length])) {
            watched.set(reads[i][values.length]);
        }
        for (final int register : writes[i]) {
            if (outcome == Outcome.UNKNOWN) {
                state.clear(register);
            } else if (code[i].guard < 0) {
                state.set(register);
            }
        }
    }

    private static Outcome outcome(final RegisterUse use, final boolean any, final boolean all) {
        return switch (use) {
            case PASSES_ON -> any ? all ? Outcome.KNOWN : Outcome.WATCHED : Outcome.UNKNOWN;
            case COMPUTES, EXCHANGES -> all ? Outcome.KNOWN : Outcome.UNKNOWN;
            case ACTS -> all ? Outcome.KNOWN : Outcome.WATCHED;
        };
    }

    private RegisterUse use(final int i) {
        if (sources.get(i).isPassedOn()) {
            return RegisterUse.PASSES_ON;
        }
        if (code[i].opcode.equals("shfl.sync")) {
            return RegisterUse.EXCHANGES;
        }
        return switch (code[i].instructionClass) {
            case FMA, FLOAT, INTEGER, SPECIAL, CONVERSION, MOVE -> RegisterUse.COMPUTES;
            default -> RegisterUse.ACTS;
        };
    }

    private static boolean merge(final BitSet[] states, final int at, final BitSet state) {
        if (states[at] == null) {
            states[at] = (BitSet) state.clone();
            return true;
        }
        final int before = states[at].cardinality();
        states[at].and(state);
        return states[at].cardinality() != before;
    }

    private int[] numbers(final List<PtxRegister> of) {
        return of.stream().mapToInt(register -> numbers.computeIfAbsent(register, r -> {
            registers.add(r);
            return registers.size() - 1;
        })).toArray();
    }

    private static int[] watchedOf(final int[] of, final int[] watchNumber) {
        return Arrays.stream(of).map(register -> watchNumber[register]).filter(number -> number >= 0).toArray();
    }

    /** What is known of an instruction's result. */
    private enum Outcome {
        /** It has a value. */
        KNOWN,
        /** It counts as having one, once its sources have been looked at. */
        WATCHED,
        /** It may have none. */
        UNKNOWN
    }
}
