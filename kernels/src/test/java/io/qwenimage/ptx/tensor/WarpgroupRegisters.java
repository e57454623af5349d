package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import java.util.Arrays;
import java.util.List;

/**
 * What the rules of {@code wgmma} say of a warp's registers: those of matrix D must not be touched, those of matrix A
 * not be written, until the product has been waited for; and what was touched needs a {@code wgmma.fence} before the
 * next product uses it. Registers have the numbers that the function's decoding gave to those that any of its products
 * names.
 */
public final class WarpgroupRegisters {
    private final List<String> names;
    private final boolean[] written;
    private final boolean[] touched;
    private final int[] accumulating;
    private final int[] multiplying;

    private WarpgroupRegisters(final List<String> names) {
        this.names = names;
        this.written = new boolean[names.size()];
        this.touched = new boolean[names.size()];
        this.accumulating = new int[names.size()];
        this.multiplying = new int[names.size()];
        Arrays.fill(touched, true);
    }

    /** The state of a warp; the names are those of its kernel's numbered registers. */
    public static WarpgroupRegisters of(final Warp warp, final List<String> names) {
        return warp.attachments().get(WarpgroupRegisters.class, () -> new WarpgroupRegisters(names));
    }

    /**
     * Before an instruction other than a product executes.
     *
     * @param reads numbers of the registers it reads
     * @param writes numbers of the registers it writes
     * @param copies whether it only moves values: compilers move accumulators that are under way, and assemblers wait
     *     then
     */
    public void access(final Warp warp, final int[] reads, final int[] writes, final boolean copies) {
        for (final int number : reads) {
            if (accumulating[number] > 0) {
                underWay(warp, number, "reads", copies);
            }
            touched[number] = true;
        }
        for (final int number : writes) {
            if (accumulating[number] > 0 || multiplying[number] > 0) {
                underWay(warp, number, "writes", false);
            }
            touched[number] = true;
            written[number] = true;
        }
    }

    /** Before a product is issued: its registers must have been fenced. */
    public void issue(final Warp warp, final int[] accumulators, final int[] left) {
        reportTouched(warp, accumulators);
        reportTouched(warp, left);
        WarpgroupUnit.of(warp).use(this, accumulators, left);
    }

    /** Complains of accumulators that are added to and have no value. */
    void requireWritten(final Warp warp, final int[] accumulators) {
        for (final int number : accumulators) {
            if (!written[number]) {
                warp.report(FindingKind.UNINITIALISED_REGISTER, 0, "accumulator " + names.get(number)
                    + " has no value");
                return;
            }
        }
    }

    void fence() {
        Arrays.fill(touched, false);
    }

    void begin(final int[] accumulators, final int[] left) {
        add(accumulating, accumulators, 1);
        add(multiplying, left, 1);
        for (final int number : accumulators) {
            written[number] = true;
        }
    }

    void end(final int[] accumulators, final int[] left) {
        add(accumulating, accumulators, -1);
        add(multiplying, left, -1);
    }

    private void underWay(final Warp warp, final int number, final String does, final boolean copies) {
        if (!copies) {
            warp.report(FindingKind.WGMMA_IN_FLIGHT, 0, does + " register " + names.get(number)
                + ", which a wgmma uses that no wgmma.wait_group has waited for");
        }
        WarpgroupUnit.of(warp).finishAll();
    }

    private void reportTouched(final Warp warp, final int[] numbers) {
        for (final int number : numbers) {
            if (touched[number]) {
                warp.report(FindingKind.PROXY_FENCE_MISSING, 0, "register " + names.get(number)
                    + " has been used since the last wgmma.fence");
                return;
            }
        }
    }

    private static void add(final int[] counts, final int[] numbers, final int amount) {
        for (final int number : numbers) {
            counts[number] += amount;
        }
    }
}
