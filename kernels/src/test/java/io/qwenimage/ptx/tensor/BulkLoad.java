package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.AsynchronousOperation;
import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A bulk copy into the shared memory of one block, from global memory: it lands when the cluster lets it, and then
 * tells an mbarrier of its bytes. Until then its destination belongs to it.
 */
final class BulkLoad implements AsynchronousOperation {
    private final Warp issuer;
    private final int lane;
    private final DecodedInstruction at;
    private final SharedPlace target;
    private final SharedPlace barrier;
    private final Segments segments;
    private final TensorMap map;
    private final int range;
    private final int transactionBytes;
    private final AsynchronousOrder order;

    private BulkLoad(final Warp issuer, final int lane, final SharedPlace target, final SharedPlace barrier,
                     final Segments segments, final TensorMap map, final int range, final int transactionBytes) {
        this.issuer = issuer;
        this.lane = lane;
        this.at = issuer.instruction();
        this.target = target;
        this.barrier = barrier;
        this.segments = segments;
        this.map = map;
        this.range = range;
        this.transactionBytes = transactionBytes;
        target.beginWrite(issuer, lane, range, at);
        this.order = new AsynchronousOrder(issuer);
    }

    /** Starts a copy of bytes that lie side by side. */
    static void start(final Warp issuer, final int lane, final SharedPlace target, final SharedPlace barrier,
                      final long global, final int bytes) {
        issuer.cluster().defer(new BulkLoad(issuer, lane, target, barrier,
            Segments.flat(global, target.offset(), bytes), null, bytes, bytes));
    }

    /** Starts the copy of a box. */
    static void start(final Warp issuer, final int lane, final SharedPlace target, final SharedPlace barrier,
        final TensorBox box) {
        final int base = (int) target.block().shared().base();
        final TensorMap map = box.map();
        issuer.cluster().defer(new BulkLoad(issuer, lane, target, barrier,
            Segments.ofLoad(box, base + target.offset(), base), map, map.sharedBytes(), map.transactionBytes()));
    }

    @Override
    public void land() {
        final Block block = target.block();
        if (block.liveThreads() == 0) {
            issuer.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane,
                "the block has ended before this copy into its shared memory", at);
        }
        final GlobalWindow window = new GlobalWindow(issuer, lane, at);
        final byte[] shared = block.shared().bytes();
        for (int i = 0; i < segments.count(); i++) {
            final int to = segments.shared(i);
            if (segments.global(i) == Segments.OUTSIDE) {
                fill(shared, to);
            } else {
                window.read(segments.global(i), shared, to, segments.length(i));
                if (map != null && map.element() == TensorElement.F32_FTZ) {
                    flush(shared, to, segments.length(i));
                }
            }
            block.shared().markWritten(to, segments.length(i));
        }
        target.endWrite(order, range, at);
        final MbarrierUnit.Entry entry = MbarrierUnit.of(barrier.block()).find(issuer, lane, barrier.offset());
        if (entry != null) {
            entry.complete(order, transactionBytes, issuer, lane, at);
        }
    }

    private void fill(final byte[] shared, final int to) {
        final int width = map.element().bytes();
        final long bits = map.fillsNotANumber() ? map.element().notANumber() : 0;
        for (int i = 0; i < width; i++) {
            shared[to + i] = (byte) (bits >>> 8 * i);
        }
    }

    /** Denormal numbers become zeros of their sign. */
    private static void flush(final byte[] shared, final int to, final int bytes) {
        final ByteBuffer view = ByteBuffer.wrap(shared).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = to; i < to + bytes; i += Float.BYTES) {
            final int bits = view.getInt(i);
            if ((bits & 0x7f80_0000) == 0) {
                view.putInt(i, bits & 0x8000_0000);
            }
        }
    }
}
