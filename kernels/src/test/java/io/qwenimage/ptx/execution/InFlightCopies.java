package io.qwenimage.ptx.execution;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** The ranges of a block's shared memory that copies are going to write at a time of their own. */
public final class InFlightCopies {
    private final Set<Range> ranges = Collections.newSetFromMap(new IdentityHashMap<>());

    /** Notes a copy's destination; the range is to be given back when it has landed. */
    public Range add(final int offset, final int bytes, final String description) {
        final Range range = new Range(offset, bytes, description);
        ranges.add(range);
        return range;
    }

    public void remove(final Range range) {
        ranges.remove(range);
    }

    /** The copy that is going to write a byte of the range, or null. */
    public Range overlapping(final int offset, final int bytes) {
        for (final Range range : ranges) {
            if (offset < range.offset() + range.bytes() && range.offset() < offset + bytes) {
                return range;
            }
        }
        return null;
    }

    /**
     * A destination.
     *
     * @param offset first byte, from the start of the shared memory
     * @param bytes its length
     * @param description what copy it is
     */
    public record Range(int offset, int bytes, String description) {
    }
}
