package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxRegister;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the registers that some path reads before it writes them. Only these have to be watched while the kernel runs:
 * every other read is known to follow a write. A write under a guard does not count as one here, and a copy counts only
 * when its source has been written.
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
            code[i].copy = isCopy(i);
            code[i].watchedReads = watchedOf(code[i].copy ? new int[] {reads[i][0]} : reads[i], watchNumber);
            code[i].watchedWrites = watchedOf(writes[i], watchNumber);
            code[i].watchedGuard = code[i].guard < 0 ? -1 : watchNumber[reads[i][reads[i].length - 1]];
        }
        return names;
    }

    private boolean isCopy(final int i) {
        return sources.get(i).isCopy() && sources.get(i).reads().size() == (code[i].guard < 0 ? 1 : 2)
            && writes[i].length == 1;
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
        final boolean copy = isCopy(i);
        for (final int register : reads[i]) {
            if (!state.get(register) && !(copy && register == reads[i][0])) {
                watched.set(register);
            }
        }
        if (code[i].guard >= 0 || copy && !state.get(reads[i][0])) {
            if (copy && !state.get(reads[i][0])) {
                watched.set(reads[i][0]);
                state.clear(writes[i][0]);
            }
            return;
        }
        for (final int register : writes[i]) {
            state.set(register);
        }
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
}
