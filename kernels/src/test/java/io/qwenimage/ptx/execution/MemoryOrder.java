package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.VectorClock;
import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.HashMap;
import java.util.Map;

/**
 * How a warp synchronises through memory: a release (or a fence before a relaxed write) publishes what it did at the
 * location written, an acquire (or a fence after a relaxed read) learns what was published there. This is the release
 * and acquire pattern of the PTX memory model.
 */
public final class MemoryOrder {
    private final Warp warp;
    private final Locations locations;
    /** What the last fence covers, or null. */
    private VectorClock fenced;
    /** What relaxed reads have seen published and the next fence makes known; null when nothing. */
    private VectorClock seen;

    private MemoryOrder(final Warp warp) {
        this.warp = warp;
        this.locations = warp.cluster().attachments().get(Locations.class,
            () -> new Locations(warp.cluster().participants()));
    }

    public static MemoryOrder of(final Warp warp) {
        return warp.attachments().get(MemoryOrder.class, () -> new MemoryOrder(warp));
    }

    /** {@code fence} or {@code membar}. */
    public void fence() {
        if (seen != null) {
            warp.acquire(seen);
            seen = null;
        }
        fenced = new VectorClock(warp.cluster().participants());
        warp.release(fenced);
    }

    /** A strong write to a place of memory. */
    public void writes(final MemoryRegion region, final int index, final boolean releases) {
        if (releases) {
            warp.release(locations.at(region, index));
        } else if (fenced != null) {
            locations.at(region, index).join(fenced);
        }
    }

    /** A strong read of a place of memory. */
    public void reads(final MemoryRegion region, final int index, final boolean acquires) {
        final VectorClock published = locations.known(region, index);
        if (published == null) {
            return;
        }
        if (acquires) {
            warp.acquire(published);
        } else {
            if (seen == null) {
                seen = new VectorClock(warp.cluster().participants());
            }
            seen.join(published);
        }
    }

    /** What was published where. Beyond so many places all share one, which may hide a race but invents none. */
    private static final class Locations {
        private static final int MOST = 4096;

        private final int participants;
        private final Map<Place, VectorClock> clocks = new HashMap<>();
        private VectorClock shared;

        Locations(final int participants) {
            this.participants = participants;
        }

        VectorClock at(final MemoryRegion region, final int index) {
            final Place place = new Place(System.identityHashCode(region), region.base() + index);
            final VectorClock known = clocks.get(place);
            if (known != null) {
                return known;
            }
            if (clocks.size() < MOST) {
                final VectorClock clock = new VectorClock(participants);
                clocks.put(place, clock);
                return clock;
            }
            if (shared == null) {
                shared = new VectorClock(participants);
            }
            return shared;
        }

        VectorClock known(final MemoryRegion region, final int index) {
            if (clocks.isEmpty()) {
                return null;
            }
            final VectorClock own = clocks.get(new Place(System.identityHashCode(region), region.base() + index));
            return own != null ? own : shared;
        }
    }

    private record Place(int region, long address) {
    }
}
