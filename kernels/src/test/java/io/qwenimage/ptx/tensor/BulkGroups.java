package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The bulk groups of the threads of a warp: copies out of shared memory that a thread started and can wait for. */
final class BulkGroups {
    private final List<List<BulkStore>> open = new ArrayList<>();
    private final List<Deque<List<BulkStore>>> committed = new ArrayList<>();

    private BulkGroups() {
        for (int lane = 0; lane < Warp.LANES; lane++) {
            open.add(new ArrayList<>());
            committed.add(new ArrayDeque<>());
        }
    }

    static BulkGroups of(final Warp warp) {
        return warp.attachments().get(BulkGroups.class, BulkGroups::new);
    }

    void add(final Warp warp, final int lane, final BulkStore store) {
        open.get(lane).add(store);
        warp.cluster().defer(store);
    }

    void commit(final int lane) {
        if (!open.get(lane).isEmpty() || !committed.get(lane).isEmpty()) {
            committed.get(lane).addLast(List.copyOf(open.get(lane)));
            open.get(lane).clear();
        }
    }

    /** Waits until at most so many of the youngest groups are unfinished, or have not read their sources. */
    void await(final Warp warp, final int lane, final int youngest, final boolean onlyReads) {
        final Deque<List<BulkStore>> groups = committed.get(lane);
        int over = groups.size() - youngest;
        if (onlyReads) {
            for (final List<BulkStore> group : groups) {
                if (over-- > 0) {
                    group.forEach(store -> store.finishReading(true));
                }
            }
            return;
        }
        for (; over > 0; over--) {
            for (final BulkStore store : groups.removeFirst()) {
                store.finishReading(true);
                if (warp.cluster().withdraw(store)) {
                    store.land();
                }
            }
        }
    }
}
