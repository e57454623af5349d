package io.qwenimage.ptx.cases;

/** Compares a buffer with what it should hold. */
final class Differences {
    private Differences() {
    }

    /**
     * Says where and how far the buffer is off: value v of the expected e holds when |v - e| is at most the absolute
     * tolerance plus the relative one times |e|; infinities and NaN hold only where the same is expected.
     *
     * @return null when all of it holds
     */
    static String describe(final String name, final StoredTensor expected, final byte[] actual, final double absolute,
                           final double relative) {
        final TensorType type = expected.type();
        int wrong = 0;
        int first = -1;
        int worst = -1;
        double worstError = -1;
        for (int element = 0; element < expected.elements(); element++) {
            final double error = error(type, expected.bytes(), actual, element, absolute, relative);
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
        append(text, expected, actual, first);
        if (worst != first) {
            append(text.append(", worst "), expected, actual, worst);
        }
        return text.append(" (tolerance ").append(absolute).append(" + ").append(relative).append(" |expected|)").toString();
    }

    private static void append(final StringBuilder text, final StoredTensor expected, final byte[] actual,
                               final int element) {
        text.append(expected.place(element)).append(" is ").append(expected.type().text(actual, element))
            .append(", expected ").append(expected.type().text(expected.bytes(), element));
    }

    /** 0 when the element holds, else how far it is off. */
    private static double error(final TensorType type, final byte[] expected, final byte[] actual, final int element,
                                final double absolute, final double relative) {
        if (type.bits(expected, element) == type.bits(actual, element)) {
            return 0;
        }
        final double e = type.value(expected, element);
        final double v = type.value(actual, element);
        if (e != e || v != v) {
            return e != e && v != v ? 0 : Double.POSITIVE_INFINITY;
        }
        if (Double.isInfinite(e) || Double.isInfinite(v)) {
            return e == v ? 0 : Double.POSITIVE_INFINITY;
        }
        // Of 64-bit integers the difference is exact though their doubles are not.
        final boolean wide = type == TensorType.I64 || type == TensorType.U64;
        final double distance = wide ? Math.abs((double) (type.bits(actual, element) - type.bits(expected, element)))
            : Math.abs(v - e);
        return distance <= absolute + relative * Math.abs(e) ? 0 : Math.max(distance, Double.MIN_VALUE);
    }
}
