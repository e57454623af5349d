package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.AccessOrder;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The {@code cp.async} copies of one warp. A copy happens when a wait asks for it, and reads its source only then;
 * until then its destination is spoilt. Groups are kept by lane, as each thread has groups of its own.
 */
public final class AsyncCopies {
    private final Warp warp;
    private final List<Copy> pending = new ArrayList<>();
    private final int[] committed = new int[Warp.LANES];

    private AsyncCopies(final Warp warp) {
        this.warp = warp;
    }

    public static AsyncCopies of(final Warp warp) {
        return warp.attachments().get(AsyncCopies.class, () -> new AsyncCopies(warp));
    }

    /** A copy of one instruction, to which {@link Copy#add} adds lanes. */
    public Copy begin(final int bytes) {
        final Copy copy = new Copy(bytes, warp.instruction().line);
        pending.add(copy);
        return copy;
    }

    /** Makes a group of what the lanes have not committed yet. */
    public void commit(final int mask) {
        for (int lane = 0; lane < Warp.LANES; lane++) {
            committed[lane] += mask >>> lane & 1;
        }
    }

    /** Finishes all groups of the lanes but the youngest ones. */
    public void await(final int mask, final int youngest) {
        for (final Copy copy : pending) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask & copy.lanes & 1 << lane) != 0 && copy.group[lane] < committed[lane] - youngest) {
                    land(copy, lane, warp);
                }
            }
        }
        pending.removeIf(copy -> copy.lanes == 0);
    }

    /** Finishes everything that the lanes have begun, committed or not. */
    public void awaitAll(final int mask) {
        for (final Copy copy : pending) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask & copy.lanes & 1 << lane) != 0) {
                    land(copy, lane, warp);
                }
            }
        }
        pending.removeIf(copy -> copy.lanes == 0);
    }

    /**
     * Finishes everything that the lane has begun until now, as late as the rules allow, and then runs an action, which
     * tells an mbarrier of it. A wait of the lane's own may finish the copies earlier.
     *
     * @param order when that happens
     */
    public void whenDone(final int lane, final AccessOrder order, final Runnable action) {
        final List<Copy> begun = new ArrayList<>(pending);
        warp.cluster().defer(() -> {
            for (final Copy copy : begun) {
                if ((copy.lanes >>> lane & 1) != 0) {
                    land(copy, lane, order);
                }
            }
            pending.removeIf(copy -> copy.lanes == 0);
            action.run();
        });
    }

    private void land(final Copy copy, final int lane, final AccessOrder order) {
        copy.lanes &= ~(1 << lane);
        final MemoryRegion target = copy.owner[lane].shared();
        final int index = copy.index[lane];
        copy.owner[lane].inFlight().remove(copy.range[lane]);
        final int given = copy.given[lane];
        if (given > 0) {
            final MemoryRegion from = warp.launch().memory().find(copy.source[lane]);
            if (from != null && from.contains(copy.source[lane], given)) {
                System.arraycopy(from.bytes(), (int) (copy.source[lane] - from.base()), target.bytes(), index, given);
            }
        }
        Arrays.fill(target.bytes(), index + given, index + copy.bytes, (byte) 0);
        target.markWritten(index, copy.bytes);
        if (copy.owner[lane].races() != null) {
            copy.owner[lane].races().write(order, lane, index, copy.bytes, false);
            copy.owner[lane].races().copied(index, copy.bytes);
        }
    }

    /** The copies that the lanes of one instruction have begun. */
    public final class Copy {
        private final int bytes;
        private final String description;
        private final Block[] owner = new Block[Warp.LANES];
        private final int[] index = new int[Warp.LANES];
        private final long[] source = new long[Warp.LANES];
        private final int[] given = new int[Warp.LANES];
        private final int[] group = new int[Warp.LANES];
        private final InFlightCopies.Range[] range = new InFlightCopies.Range[Warp.LANES];
        private int lanes;

        private Copy(final int bytes, final int line) {
            this.bytes = bytes;
            this.description = "the cp.async of PTX line " + line;
        }

        /**
         * Begins a lane's copy after inspecting both sides.
         *
         * @param target shared address
         * @param from global address
         * @param count bytes to copy; the rest of the destination becomes zero
         */
        public void add(final int lane, final long target, final long from, final int count) {
            final MemoryAccess memory = warp.memory();
            if (count > 0 && !memory.readPart(from, bytes, count, lane)) {
                return;
            }
            if (!memory.write(Space.SHARED, target, bytes, lane, false)) {
                return;
            }
            owner[lane] = memory.sharedOwner();
            index[lane] = memory.index();
            source[lane] = from;
            given[lane] = count;
            group[lane] = committed[lane];
            range[lane] = owner[lane].inFlight().add(index[lane], bytes, description);
            owner[lane].shared().poison(index[lane], bytes);
            lanes |= 1 << lane;
        }
    }
}
