package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.ClusterRun;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.AccessOrder;
import io.qwenimage.ptx.inspection.VectorClock;

/**
 * The place of one asynchronous operation in the order of accesses: after all that its issuer knew, and before what
 * those do who wait for it.
 */
final class AsynchronousOrder implements AccessOrder {
    private final int participant;
    private final VectorClock clock;

    /** The order of an operation that the warp issues now. */
    AsynchronousOrder(final Warp issuer) {
        final ClusterRun cluster = issuer.cluster();
        participant = cluster.asynchronousParticipant();
        clock = new VectorClock(cluster.participants());
        issuer.release(clock);
        final Times times = cluster.attachments().get(Times.class,
            () -> new Times(new VectorClock(cluster.participants())));
        times.clock().tick(participant);
        clock.join(times.clock());
    }

    @Override
    public int participant() {
        return participant;
    }

    @Override
    public VectorClock clock() {
        return clock;
    }

    @Override
    public boolean lanesSynchronisedSince(final int lane, final int other, final int time) {
        return true;
    }

    /** The times of a cluster's asynchronous operations. */
    private record Times(VectorClock clock) {
    }
}
