package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.AsynchronousOperation;
import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.InFlightCopies;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;

/**
 * A store of registers into the shared memory of a block of the cluster that an mbarrier is told of, or a reduction.
 */
final class AsyncStore implements AsynchronousOperation {
    private final Warp issuer;
    private final int lane;
    private final DecodedInstruction at;
    private final SharedPlace target;
    private final SharedPlace signal;
    private final byte[] content;
    private final BulkReduction reduction;
    private final InFlightCopies.Range range;
    private final AsynchronousOrder order;

    private AsyncStore(final Warp issuer, final int lane, final SharedPlace target, final SharedPlace signal,
                       final byte[] content, final BulkReduction reduction) {
        this.issuer = issuer;
        this.lane = lane;
        this.at = issuer.instruction();
        this.target = target;
        this.signal = signal;
        this.content = content;
        this.reduction = reduction;
        final Block block = target.block();
        final int offset = target.offset();
        final String busy = block.useAsynchronously().faultOfWrite(offset, content.length);
        if (busy != null) {
            issuer.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, busy);
        }
        if (reduction == null) {
            final String race = block.races() == null ? null
                : block.races().write(issuer, lane, offset, content.length, false);
            if (race != null) {
                issuer.report(FindingKind.RACE, lane, race);
            }
            range = block.inFlight().add(offset, content.length, "the " + at.opcode + " of PTX line " + at.line);
            block.shared().poison(offset, content.length);
        } else {
            // Reductions may meet in one place.
            range = null;
        }
        this.order = new AsynchronousOrder(issuer);
    }

    /**
     * Starts one lane's store.
     *
     * @param reduction what is done to the elements that are there; null for a plain store
     */
    static void start(final Warp issuer, final int lane, final SharedPlace target, final SharedPlace signal,
                      final byte[] content, final BulkReduction reduction) {
        issuer.cluster().defer(new AsyncStore(issuer, lane, target, signal, content, reduction));
    }

    @Override
    public void land() {
        final Block block = target.block();
        final int offset = target.offset();
        if (reduction == null) {
            block.inFlight().remove(range);
            System.arraycopy(content, 0, block.shared().bytes(), offset, content.length);
        } else {
            if (!block.shared().isWritten(offset, content.length)) {
                issuer.report(FindingKind.UNINITIALISED_MEMORY, lane, "reduces into bytes " + offset + " to "
                    + (offset + content.length - 1) + " of shared memory, which have never been written", at);
            }
            reduction.apply(block.shared().bytes(), offset, content, 0, content.length);
        }
        block.shared().markWritten(offset, content.length);
        if (block.races() != null) {
            block.races().write(order, 0, offset, content.length, reduction != null);
        }
        final MbarrierUnit.Entry entry = MbarrierUnit.of(signal.block()).find(issuer, lane, signal.offset());
        if (entry != null) {
            entry.complete(order, content.length, issuer, lane, at);
        }
    }
}
