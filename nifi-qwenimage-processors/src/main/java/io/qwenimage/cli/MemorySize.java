package io.qwenimage.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An amount of memory as people write it: 800MB, 1.5 GB; units are powers of 1024. */
final class MemorySize {
    private static final String UNITS = "KMGT";
    private static final int BITS = 10;
    private static final Pattern SIZE = Pattern.compile("\\s*(\\d{1,12}(?:\\.\\d{1,6})?)\\s*([KMGT]?)I?B?\\s*");

    private MemorySize() {
    }

    /**
     * What a value comes to, in bytes.
     *
     * @param option that has the value, for messages
     */
    static long parse(final String option, final String value) {
        final Matcher matcher = SIZE.matcher(value.toUpperCase(Locale.ROOT));
        final double bytes = matcher.matches() ? Double.parseDouble(matcher.group(1))
                * (1L << BITS * (UNITS.indexOf(matcher.group(2)) + (matcher.group(2).isEmpty() ? 0 : 1))) : 0;
        if (!(bytes >= 1)) {
            throw new CommandException(option + " is " + value + "; accepted is a size such as 20GB or 800MB");
        }
        return (long) bytes;
    }
}
