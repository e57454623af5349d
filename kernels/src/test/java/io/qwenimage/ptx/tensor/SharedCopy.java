package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.AsynchronousOperation;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.instruction.DecodedInstruction;

/**
 * A bulk copy from a block's shared memory to that of another block of its cluster, which an mbarrier there is told of.
 */
final class SharedCopy implements AsynchronousOperation {
    private final Warp issuer;
    private final int lane;
    private final DecodedInstruction at;
    private final SharedPlace from;
    private final SharedPlace to;
    private final SharedPlace signal;
    private final int bytes;
    private final AsynchronousOrder order;

    private SharedCopy(final Warp issuer, final int lane, final SharedPlace from, final SharedPlace to,
                       final SharedPlace signal, final int bytes) {
        this.issuer = issuer;
        this.lane = lane;
        this.at = issuer.instruction();
        this.from = from;
        this.to = to;
        this.signal = signal;
        this.bytes = bytes;
        SharedPlace.inspectRead(issuer, lane, from.block(), from.offset(), bytes);
        from.block().useAsynchronously().read(from.offset(), bytes, true, at);
        to.beginWrite(issuer, lane, bytes, at);
        this.order = new AsynchronousOrder(issuer);
    }

    static void start(final Warp issuer, final int lane, final SharedPlace from, final SharedPlace to,
                      final SharedPlace signal, final int bytes) {
        issuer.cluster().defer(new SharedCopy(issuer, lane, from, to, signal, bytes));
    }

    @Override
    public void land() {
        System.arraycopy(from.block().shared().bytes(), from.offset(), to.block().shared().bytes(), to.offset(), bytes);
        to.block().shared().markWritten(to.offset(), bytes);
        from.block().useAsynchronously().read(from.offset(), bytes, false, at);
        to.endWrite(order, bytes, at);
        final MbarrierUnit.Entry entry = MbarrierUnit.of(signal.block()).find(issuer, lane, signal.offset());
        if (entry != null) {
            entry.complete(order, bytes, issuer, lane, at);
        }
    }
}
