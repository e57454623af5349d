package io.qwenimage.ptx;

import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.inspection.Finding;
import java.util.List;

/**
 * What came of a launch.
 *
 * @param findings the faults found, at most one for each kind and PTX line; empty when the kernel is clean
 * @param counters what was executed
 */
public record LaunchResult(List<Finding> findings, Counters counters) {
    /** Throws AssertionError with every finding when there is any. */
    public LaunchResult requireClean() {
        if (!findings.isEmpty()) {
            final StringBuilder text = new StringBuilder();
            findings.forEach(finding -> text.append(finding).append('\n'));
            throw new AssertionError(text.toString().strip());
        }
        return this;
    }
}
