package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * The products that one warp of a warpgroup has under way. A product happens when it is waited for, and reads its
 * operands only then; the four warps of a warpgroup have to issue the same ones.
 */
final class WarpgroupUnit {
    private static final int WARPS = 4;

    private final Warp warp;
    private final Journal journal;
    private final List<Pending> open = new ArrayList<>();
    private final Deque<List<Pending>> committed = new ArrayDeque<>();
    private final List<WarpgroupAccumulator> accumulators = new ArrayList<>();
    private WarpgroupRegisters registers;
    private int[] accumulatorNumbers;
    private int[] leftNumbers;
    private long issued;

    private WarpgroupUnit(final Warp warp) {
        this.warp = warp;
        final Journals journals = warp.block().attachments().get(Journals.class, Journals::new);
        this.journal = journals.of(warp.index() / WARPS);
    }

    static WarpgroupUnit of(final Warp warp) {
        return warp.attachments().get(WarpgroupUnit.class, () -> new WarpgroupUnit(warp));
    }

    /** The next product's registers by their numbers. */
    void use(final WarpgroupRegisters watched, final int[] accumulators, final int[] left) {
        registers = watched;
        accumulatorNumbers = accumulators;
        leftNumbers = left;
    }

    /** Starts a product. */
    void issue(final WarpgroupMultiply multiply, final WarpgroupOperand left, final int[][] leftRegisters,
               final WarpgroupOperand right, final int[][] accumulators, final boolean accumulates,
                   final long[] descriptors) {
        journal.compare(warp, issued++, warp.instruction(), descriptors);
        if (left != null) {
            left.begin(warp);
        }
        right.begin(warp);
        if (accumulates) {
            registers.requireWritten(warp, accumulatorNumbers);
        }
        final WarpgroupAccumulator accumulator = accumulator(multiply.shape(), accumulators);
        accumulator.acquire();
        registers.begin(accumulatorNumbers, leftNumbers);
        open.add(new Pending(multiply, left, leftRegisters, right, accumulator, accumulates, accumulatorNumbers,
            leftNumbers));
    }

    void commit() {
        committed.addLast(List.copyOf(open));
        open.clear();
    }

    /** Waits until at most so many of the youngest groups are unfinished. */
    void await(final int youngest) {
        while (committed.size() > youngest) {
            committed.removeFirst().forEach(this::finish);
        }
    }

    /** Finishes everything, committed or not, as a compiler does before an access that it has to keep in order. */
    void finishAll() {
        await(0);
        open.forEach(this::finish);
        open.clear();
    }

    /** Whether nothing is under way. */
    boolean isIdle() {
        return open.isEmpty() && committed.isEmpty();
    }

    private void finish(final Pending pending) {
        pending.multiply().execute(warp, pending.left(), pending.leftRegisters(), pending.right(),
            pending.accumulator(),
            pending.accumulates());
        if (pending.left() != null) {
            pending.left().end(warp);
        }
        pending.right().end(warp);
        registers.end(pending.accumulatorNumbers(), pending.leftNumbers());
        if (pending.accumulator().release()) {
            accumulators.remove(pending.accumulator());
        }
    }

    private WarpgroupAccumulator accumulator(final WarpgroupShape shape, final int[][] registers) {
        for (final WarpgroupAccumulator each : accumulators) {
            if (each.isOf(registers) && each.shape().equals(shape)) {
                return each;
            }
            if (each.overlaps(registers)) {
                warp.report(FindingKind.WGMMA_IN_FLIGHT, 0,
                    "accumulates into registers in which a wgmma of another shape is "
                    + "still under way");
                finishAll();
                break;
            }
        }
        final WarpgroupAccumulator made = new WarpgroupAccumulator(shape, registers);
        accumulators.add(made);
        return made;
    }

    private record Pending(WarpgroupMultiply multiply, WarpgroupOperand left, int[][] leftRegisters,
        WarpgroupOperand right,
                           WarpgroupAccumulator accumulator, boolean accumulates, int[] accumulatorNumbers,
                           int[] leftNumbers) {
    }

    /** The journals of a block's warpgroups. */
    private static final class Journals {
        private final List<Journal> journals = new ArrayList<>();

        Journal of(final int warpgroup) {
            while (journals.size() <= warpgroup) {
                journals.add(new Journal());
            }
            return journals.get(warpgroup);
        }
    }

    /** What the first of a warpgroup's warps issued, for the others to be compared with. */
    private static final class Journal {
        private final Deque<Entry> entries = new ArrayDeque<>();
        private long first;

        void compare(final Warp warp, final long number, final DecodedInstruction at, final long[] descriptors) {
            if (number >= first + entries.size()) {
                entries.addLast(new Entry(at, descriptors.clone()));
                return;
            }
            final Entry entry = entries.stream().skip(number - first).findFirst().orElseThrow();
            if (entry.at != at) {
                warp.report(FindingKind.DIVERGED, 0,
                    "the warps of its warpgroup do not execute the same wgmma: another executed line "
                    + entry.at.line);
            } else if (!Arrays.equals(entry.descriptors, descriptors)) {
                warp.report(FindingKind.INVALID_OPERAND, 0,
                    "the warps of its warpgroup have different matrix descriptors");
            }
            if (++entry.followers == WARPS - 1) {
                entries.removeFirst();
                first++;
            }
        }

        private static final class Entry {
            private final DecodedInstruction at;
            private final long[] descriptors;
            private int followers;

            Entry(final DecodedInstruction at, final long[] descriptors) {
                this.at = at;
                this.descriptors = descriptors;
            }
        }
    }

    /** Whether the block has whole warpgroups: otherwise there is nobody to execute a wgmma with. */
    static boolean hasWarpgroup(final Block block, final int warpIndex) {
        return block.warps().size() >= (warpIndex / WARPS + 1) * WARPS;
    }
}
