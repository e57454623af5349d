package io.qwenimage.ptx.instruction;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * The control flow of a function and, from it, where diverging lanes meet again: at the immediate postdominator of the
 * branch. The postdominators are found by the iteration of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance
 * Algorithm", on the reversed graph.
 */
final class ControlFlow {
    private final DecodedInstruction[] code;
    private final boolean entry;
    /** Successors of each instruction; code.length stands for the end of the function. */
    private final int[][] successors;

    private ControlFlow(final DecodedInstruction[] code, final boolean entry, final int[][] successors) {
        this.code = code;
        this.entry = entry;
        this.successors = successors;
    }

    static ControlFlow of(final DecodedInstruction[] code, final List<InstructionSource> sources, final boolean entry) {
        final int[][] successors = new int[code.length][];
        for (int i = 0; i < code.length; i++) {
            successors[i] = successors(code[i], sources.get(i), i);
        }
        return new ControlFlow(code, entry, successors);
    }

    int[] successors(final int instruction) {
        return successors[instruction];
    }

    /** Sets the reconvergence of every instruction that may diverge. */
    void setReconvergence() {
        final int[] postdominator = immediatePostdominators();
        for (int i = 0; i < code.length; i++) {
            if (successors[i].length > 1) {
                final int meet = postdominator[i];
                // Lanes that only meet to leave the kernel need not wait for each other.
                final boolean leaves = meet == code.length || meet < 0 || entry && isEnd(code[meet]);
                code[i].reconvergence = leaves ? -1 : meet;
            }
        }
    }

    /**
     * Whether the straight run of instructions before the exit is no mere exit and can be reached from the instruction.
     */
    boolean bypasses(final int exit, final int instruction) {
        final int[] predecessors = new int[code.length + 1];
        for (final int[] next : successors) {
            for (final int successor : next) {
                predecessors[Math.min(successor, code.length)]++;
            }
        }
        int start = exit;
        while (start > 0 && predecessors[start] == 1 && successors[start - 1].length == 1
            && successors[start - 1][0] == start) {
            start--;
        }
        final boolean within = instruction >= start && instruction < exit - 1;
        return within || start < exit && reaches(instruction, start);
    }

    private boolean reaches(final int from, final int to) {
        final BitSet seen = new BitSet();
        final BitSet queue = new BitSet();
        queue.set(from);
        while (!queue.isEmpty()) {
            final int at = queue.nextSetBit(0);
            queue.clear(at);
            for (final int next : successors[at]) {
                if (next == to) {
                    return true;
                }
                if (next < code.length && !seen.get(next)) {
                    seen.set(next);
                    queue.set(next);
                }
            }
        }
        return false;
    }

    private static boolean isEnd(final DecodedInstruction instruction) {
        return instruction.guard < 0 && (instruction.opcode.equals("ret") || instruction.opcode.equals("exit"));
    }

    private static int[] successors(final DecodedInstruction instruction, final InstructionSource source,
                                    final int index) {
        final boolean guarded = instruction.guard >= 0;
        return switch (instruction.opcode) {
            case "bra" -> {
                final int target = source.label(source.operand(0));
                yield guarded && target != index + 1 ? new int[] {index + 1, target} : new int[] {target};
            }
            case "brx.idx" -> {
                final int[] targets = Arrays.stream(source.branchTargets(source.operand(1))).distinct().toArray();
                if (!guarded) {
                    yield targets;
                }
                final int[] withNext = Arrays.copyOf(targets, targets.length + 1);
                withNext[targets.length] = index + 1;
                yield withNext;
            }
            case "ret", "exit", "trap" -> guarded ? new int[] {index + 1, Integer.MAX_VALUE}
                : new int[] {Integer.MAX_VALUE};
            default -> new int[] {index + 1};
        };
    }

    private int[] immediatePostdominators() {
        final int end = code.length;
        final List<List<Integer>> reversed = new ArrayList<>();
        for (int i = 0; i <= end; i++) {
            reversed.add(new ArrayList<>(1));
        }
        for (int i = 0; i < end; i++) {
            for (final int successor : successors[i]) {
                reversed.get(Math.min(successor, end)).add(i);
            }
        }
        final int[] order = new int[end + 1];
        final int[] number = new int[end + 1];
        Arrays.fill(number, -1);
        final int count = postorder(reversed, end, order, number);
        final int[] postdominator = new int[end + 1];
        Arrays.fill(postdominator, -1);
        postdominator[end] = end;
        boolean changed = true;
        while (changed) {
            changed = false;
            for (int k = count - 2; k >= 0; k--) {
                final int node = order[k];
                int meet = -1;
                for (final int successor : successors[node]) {
                    final int next = Math.min(successor, end);
                    if (number[next] >= 0 && postdominator[next] >= 0) {
                        meet = meet < 0 ? next : intersect(postdominator, number, meet, next);
                    }
                }
                if (meet != postdominator[node]) {
                    postdominator[node] = meet;
                    changed = true;
                }
            }
        }
        return postdominator;
    }

    private static int intersect(final int[] postdominator, final int[] number, final int first, final int second) {
        int a = first;
        int b = second;
        while (a != b) {
            while (number[a] < number[b]) {
                a = postdominator[a];
            }
            while (number[b] < number[a]) {
                b = postdominator[b];
            }
        }
        return a;
    }

    /** Numbers the nodes that reach the end in postorder of the reversed graph, without recursion. */
    private static int postorder(final List<List<Integer>> graph, final int root, final int[] order,
                                 final int[] number) {
        final int[] stack = new int[graph.size()];
        final int[] position = new int[graph.size()];
        final boolean[] seen = new boolean[graph.size()];
        int depth = 0;
        int count = 0;
        stack[0] = root;
        seen[root] = true;
        while (depth >= 0) {
            final int node = stack[depth];
            if (position[node] < graph.get(node).size()) {
                final int next = graph.get(node).get(position[node]++);
                if (!seen[next]) {
                    seen[next] = true;
                    stack[++depth] = next;
                }
            } else {
                order[count] = node;
                number[node] = count++;
                depth--;
            }
        }
        return count;
    }
}
