package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.AsynchronousOperation;
import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.Arrays;

/**
 * A bulk copy out of a block's shared memory into global memory, plain or reducing. It reads its source late, and
 * writes later still; {@link #finishReading} and {@link #land} bring the one and both about.
 */
final class BulkStore implements AsynchronousOperation {
    private final Warp issuer;
    private final int lane;
    private final DecodedInstruction at;
    private final Block block;
    private final Segments segments;
    private final BulkReduction reduction;
    /** The part of shared memory that is read. */
    private final int first;
    private final int end;
    private byte[] content;

    /** Begins a copy: inspects its source and takes it away from the threads until it has been read. */
    BulkStore(final Warp issuer, final int lane, final Block block, final Segments segments,
        final BulkReduction reduction) {
        this.issuer = issuer;
        this.lane = lane;
        this.at = issuer.instruction();
        this.block = block;
        this.segments = segments;
        this.reduction = reduction;
        final AsynchronousUse use = block.useAsynchronously();
        int from = Integer.MAX_VALUE;
        int to = 0;
        boolean clean = true;
        for (int i = 0; i < segments.count(); i++) {
            if (segments.global(i) != Segments.OUTSIDE) {
                // What is spilled may be anything, but it is read.
                clean = clean && (segments.spills(i)
                    || SharedPlace.inspectRead(issuer, lane, block, segments.shared(i), segments.length(i)));
                use.read(segments.shared(i), segments.length(i), true, at);
                from = Math.min(from, segments.shared(i));
                to = Math.max(to, segments.shared(i) + segments.length(i));
            }
        }
        this.first = Math.min(from, to);
        this.end = to;
    }

    /** Reads the source, unless that has been done; the issuer waits for it when it is told so. */
    void finishReading(final boolean awaited) {
        if (content == null) {
            readSource();
        }
        for (int i = 0; awaited && i < segments.count(); i++) {
            if (segments.global(i) != Segments.OUTSIDE) {
                SharedPlace.noteRead(issuer, lane, block, segments.shared(i), segments.length(i));
            }
        }
    }

    private void readSource() {
        if (block.liveThreads() == 0) {
            issuer.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane,
                "the block has ended before this copy has read its shared memory", at);
        }
        content = Arrays.copyOfRange(block.shared().bytes(), first, end);
        final AsynchronousUse use = block.useAsynchronously();
        for (int i = 0; i < segments.count(); i++) {
            if (segments.global(i) != Segments.OUTSIDE) {
                use.read(segments.shared(i), segments.length(i), false, at);
            }
        }
    }

    @Override
    public void land() {
        finishReading(false);
        final GlobalWindow window = new GlobalWindow(issuer, lane, at);
        for (int i = 0; i < segments.count(); i++) {
            final long address = segments.global(i);
            if (address == Segments.OUTSIDE) {
                continue;
            }
            if (segments.spills(i)) {
                spill(address, i);
            } else if (reduction == null) {
                window.write(address, content, segments.shared(i) - first, segments.length(i));
            } else {
                reduce(window, address, i);
            }
        }
    }

    private void reduce(final GlobalWindow window, final long address, final int i) {
        final MemoryRegion region = window.find(address, segments.length(i));
        if (region != null) {
            final byte[] sum = new byte[segments.length(i)];
            synchronized (region) {
                window.read(address, sum, 0, sum.length);
                reduction.apply(sum, 0, content, segments.shared(i) - first, sum.length);
                window.write(address, sum, 0, sum.length);
            }
        }
    }

    /** The padding behind the last row may lie behind the allocation, where it harms nobody. */
    private void spill(final long address, final int i) {
        final int length = segments.length(i);
        final MemoryRegion region = issuer.launch().memory().find(address);
        if (region == null || !region.contains(address, length) || region.isReadOnly()) {
            return;
        }
        final int index = (int) (address - region.base());
        final byte[] result = Arrays.copyOfRange(content, segments.shared(i) - first,
            segments.shared(i) - first + length);
        synchronized (region) {
            if (reduction != null) {
                final byte[] sum = Arrays.copyOfRange(region.bytes(), index, index + length);
                reduction.apply(sum, 0, result, 0, length);
                System.arraycopy(sum, 0, result, 0, length);
            }
            region.spill(index, result, 0, length);
        }
    }
}
