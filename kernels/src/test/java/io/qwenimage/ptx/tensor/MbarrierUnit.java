package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.inspection.VectorClock;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import java.util.HashMap;
import java.util.Map;

/** The live mbarriers of a block, by their offset in shared memory, with what they tell of the order of accesses. */
final class MbarrierUnit {
    private final Block block;
    private final Map<Integer, Entry> live = new HashMap<>();

    private MbarrierUnit(final Block block) {
        this.block = block;
    }

    static MbarrierUnit of(final Block block) {
        return block.attachments().get(MbarrierUnit.class, () -> new MbarrierUnit(block));
    }

    void initialise(final Warp warp, final int lane, final int offset, final int count) {
        // Compilers initialise a barrier anew that nobody has used yet; what is lost otherwise is arrivals and phases.
        if (live.containsKey(offset) && live.get(offset).barrier.isUsed()) {
            warp.report(FindingKind.BARRIER, lane, "mbarrier.init where " + live.get(offset).barrier
                + " lives: mbarrier.inval has to come first");
        }
        try {
            live.put(offset, new Entry(new Mbarrier(count), warp));
        } catch (final IllegalStateException breach) {
            warp.report(FindingKind.BARRIER, lane, breach.getMessage());
            return;
        }
        block.shared().putLong(offset, 0);
    }

    void invalidate(final Warp warp, final int lane, final int offset) {
        if (find(warp, lane, offset) != null) {
            live.remove(offset);
            block.useAsynchronously().barrier(offset, false, warp.instruction());
            block.shared().poison(offset, Long.BYTES);
        }
    }

    /** The barrier at the offset; null, after a finding, when there is none. */
    Entry find(final Warp warp, final int lane, final int offset) {
        final Entry entry = live.get(offset);
        if (entry == null) {
            warp.report(FindingKind.BARRIER, lane, "no mbarrier has been initialised at byte " + offset
                + " of shared memory");
        } else if (!entry.guarded) {
            // From its first use on the barrier's memory belongs to it; one that nobody uses may be overwritten.
            entry.guarded = true;
            block.useAsynchronously().barrier(offset, true, warp.instruction());
        }
        return entry;
    }

    /** A barrier while it lives. */
    static final class Entry {
        private final Mbarrier barrier;
        /** What arrivals of the current phase have published, and what those of completed ones had. */
        private final VectorClock gathering;
        private final VectorClock completed;
        private long phase;
        private boolean guarded;

        Entry(final Mbarrier barrier, final Warp warp) {
            this.barrier = barrier;
            this.gathering = new VectorClock(warp.cluster().participants());
            this.completed = new VectorClock(warp.cluster().participants());
        }

        Mbarrier barrier() {
            return barrier;
        }

        /** A warp arrives and publishes what it did. */
        long arrive(final Warp warp, final int count, final boolean drops, final boolean mayComplete,
            final boolean releases) {
            if (releases) {
                warp.release(gathering);
            }
            final long state = barrier.arrive(count, drops, mayComplete);
            noteCompletion();
            return state;
        }

        /** An asynchronous operation is done, which counts as an arrival. */
        void arrive(final AsynchronousOrder order, final Warp issuer, final int lane, final DecodedInstruction at) {
            gathering.join(order.clock());
            try {
                barrier.arrive(1, false, true);
            } catch (final IllegalStateException breach) {
                issuer.report(FindingKind.BARRIER, lane, breach.getMessage(), at);
            }
            noteCompletion();
        }

        /** An asynchronous operation is done with its bytes. */
        void complete(final AsynchronousOrder order, final int bytes, final Warp issuer, final int lane,
                      final DecodedInstruction at) {
            gathering.join(order.clock());
            try {
                barrier.completeTransactions(bytes);
            } catch (final IllegalStateException breach) {
                issuer.report(FindingKind.BARRIER, lane, breach.getMessage(), at);
            }
            noteCompletion();
        }

        void acquire(final Warp warp) {
            warp.acquire(completed);
        }

        void noteCompletion() {
            if (barrier.phase() != phase) {
                phase = barrier.phase();
                completed.join(gathering);
            }
        }
    }
}
