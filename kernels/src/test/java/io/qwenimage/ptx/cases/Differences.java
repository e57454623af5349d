package io.qwenimage.ptx.cases;

/**
 * Compares a buffer with what it should hold: value v of the expected e holds when |v - e| is at most the absolute
 * tolerance plus the relative one times |e|; infinities and NaN hold only where the same is expected.
 *
 * @param expected what it should hold
 * @param absolute absolute tolerance
 * @param relative relative tolerance
 */
record Differences(StoredTensor expected, double absolute, double relative) {

    /**
     * Takes elements that do not hold from another outcome where they hold there. Of bytes that a device writes though
     * nobody asked for it (see {@link io.qwenimage.ptx.memory.MemoryRegion#spill}) an expectation may say either: what
     * a device leaves, or, as the kernel's formula has it, what was there before.
     */
    void settle(final byte[] actual, final byte[] other) {
        final int bytes = expected.type().bytes();
        for (int element = 0; element < expected.elements(); element++) {
            if (error(actual, element) > 0 && error(other, element) == 0) {
                System.arraycopy(other, element * bytes, actual, element * bytes, bytes);
            }
        }
    }

    /** Says where and how far the buffer is off; null when all of it holds. */
    String describe(final String name, final byte[] actual) {
        int wrong = 0;
        int first = -1;
        int worst = -1;
        double worstError = -1;
        for (int element = 0; element < expected.elements(); element++) {
            final double error = error(actual, element);
            if (error > 0) {
                first = wrong++ == 0 ? element : first;
                if (error > worstError) {
                    worstError = error;
                    worst = element;
                }
            }
        }
        if (wrong == 0) {
            return null;
        }
        final StringBuilder text = new StringBuilder("buffer " + name + ": " + wrong + " of " + expected.elements()
            + " elements differ, first ");
        append(text, actual, first);
        if (worst != first) {
            append(text.append(", worst "), actual, worst);
        }
        return text.append(" (tolerance ").append(absolute).append(" + ").append(relative).append(" |expected|)")
            .toString();
    }

    private void append(final StringBuilder text, final byte[] actual, final int element) {
        text.append(expected.place(element)).append(" is ").append(expected.type().text(actual, element))
            .append(", expected ").append(expected.type().text(expected.bytes(), element));
    }

    /** 0 when the element holds, else how far it is off. */
    private double error(final byte[] actual, final int element) {
        final TensorType type = expected.type();
        if (type.bits(expected.bytes(), element) == type.bits(actual, element)) {
            return 0;
        }
        final double e = type.value(expected.bytes(), element);
        final double v = type.value(actual, element);
        if (e != e || v != v) {
            return e != e && v != v ? 0 : Double.POSITIVE_INFINITY;
        }
        if (Double.isInfinite(e) || Double.isInfinite(v)) {
            return e == v ? 0 : Double.POSITIVE_INFINITY;
        }
        // Of 64-bit integers the difference is exact though their doubles are not.
        final boolean wide = type == TensorType.I64 || type == TensorType.U64;
        final double distance = wide
            ? Math.abs((double) (type.bits(actual, element) - type.bits(expected.bytes(), element))) : Math.abs(v - e);
        return distance <= absolute + relative * Math.abs(e) ? 0 : Math.max(distance, Double.MIN_VALUE);
    }
}
