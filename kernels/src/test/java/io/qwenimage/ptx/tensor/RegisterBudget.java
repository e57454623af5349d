package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import java.util.Arrays;

/**
 * The registers of a block's warps as {@code setmaxnreg} moves them. A kernel starts with what {@code .maxnreg} says;
 * without it that is the assembler's choice, and the most that its threads can have together is assumed.
 */
final class RegisterBudget {
    private static final int FILE = 65_536;
    private static final int STEP = 8;
    private static final int MOST = 248;
    private static final int LANES = Warp.LANES;

    private final int[] perThread;
    private final int pool;

    private RegisterBudget(final Block block) {
        final int warps = block.warps().size();
        final int stated = block.launch().kernel().limits().maximumRegisters();
        final int start = stated > 0 ? stated : Math.min(MOST, FILE / (warps * LANES) / STEP * STEP);
        perThread = new int[warps];
        Arrays.fill(perThread, start);
        pool = start * warps * LANES;
    }

    static RegisterBudget of(final Block block) {
        return block.attachments().get(RegisterBudget.class, () -> new RegisterBudget(block));
    }

    /** The warp gives registers back; those that asked for more may get them now. */
    void decrease(final Warp warp, final int count) {
        if (count > perThread[warp.index()]) {
            warp.report(FindingKind.INVALID_OPERAND, 0, "setmaxnreg.dec to " + count + " where each thread has "
                + perThread[warp.index()] + " registers");
            return;
        }
        perThread[warp.index()] = count;
    }

    /** The warp wants more registers; it waits until others have given them back. */
    void increase(final Warp warp, final int count) {
        if (count < perThread[warp.index()]) {
            warp.report(FindingKind.INVALID_OPERAND, 0, "setmaxnreg.inc to " + count + " where each thread has "
                + perThread[warp.index()] + " registers");
            return;
        }
        if (!take(warp.index(), count)) {
            warp.await(() -> take(warp.index(), count), count + " registers a thread (setmaxnreg.inc), of "
                + pool + " that the block has");
        }
    }

    private boolean take(final int warp, final int count) {
        final long others = (long) (Arrays.stream(perThread).sum() - perThread[warp]) * LANES;
        if (others + (long) count * LANES > pool) {
            return false;
        }
        perThread[warp] = count;
        return true;
    }
}
