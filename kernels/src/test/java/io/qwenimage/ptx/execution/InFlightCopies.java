package io.qwenimage.ptx.execution;

import java.util.ArrayList;
import java.util.List;

/** The ranges of a block's shared memory that copies are going to write at a time of their own. */
public final class InFlightCopies {
    private final List<Range> ranges = new ArrayList<>();

    /** Notes a copy's destination; the range is to be given back when it has landed. */
    public Range add(final int offset, final int bytes, final String description) {
        final Range range = new Range(offset, bytes, description);
        ranges.add(range);
        return range;
    }

    public void remove(final Range range) {
        // The youngest is likeliest to be asked for last, the oldest first.
        for (int i = 0; i < ranges.size(); i++) {
            if (ranges.get(i) == range) {
                ranges.remove(i);
                return;
            }
        }
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
