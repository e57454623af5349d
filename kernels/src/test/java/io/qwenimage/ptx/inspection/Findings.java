package io.qwenimage.ptx.inspection;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Collects what the inspector finds during a launch: one finding for each kind and line. Safe for several threads. */
public final class Findings {
    /** A kernel with so many different faults is not worth running on. */
    private static final int ENOUGH = 64;

    private final Map<Place, Finding> found = new LinkedHashMap<>();
    private volatile boolean stopped;

    public synchronized void add(final Finding finding) {
        final Place place = new Place(finding.kind(), finding.line());
        final Finding known = found.get(place);
        if (known == null) {
            found.put(place, finding);
        } else {
            found.put(place, new Finding(known.kind(), known.kernel(), known.line(), known.instruction(), known.block(),
                known.thread(), known.message(), known.occurrences() + 1));
        }
        if (finding.kind() == FindingKind.TRAP || finding.kind() == FindingKind.DEADLOCK || found.size() >= ENOUGH) {
            stopped = true;
        }
    }

    /** Ends the launch: after the fault that was found a device would go no further. */
    public void stop() {
        stopped = true;
    }

    /** Whether the launch has to end. */
    public boolean isStopped() {
        return stopped;
    }

    public synchronized List<Finding> list() {
        return new ArrayList<>(found.values());
    }

    private record Place(FindingKind kind, int line) {
    }
}
