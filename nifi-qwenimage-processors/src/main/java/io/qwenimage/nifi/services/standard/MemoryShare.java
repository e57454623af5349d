package io.qwenimage.nifi.services.standard;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.Validator;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.util.StandardValidators;

/** An amount of a device's memory: a data size such as "40 GB", or a percentage of all of it such as "80 %". */
final class MemoryShare {
    private static final double WHOLE = 100;
    private static final long MEBIBYTE = 1024 * 1024;
    private static final Pattern PERCENTAGE = Pattern.compile("\\s*(\\d{1,9}(?:\\.\\d{1,9})?)\\s*%\\s*");

    static final Validator VALIDATOR = (subject, input, context) -> {
        if (context.isExpressionLanguageSupported(subject) && context.isExpressionLanguagePresent(input)) {
            return new ValidationResult.Builder().subject(subject).input(input).valid(true).build();
        }
        final double percent = percent(input);
        if (Double.isNaN(percent)) {
            return StandardValidators.DATA_SIZE_VALIDATOR.validate(subject, input, context);
        }
        return new ValidationResult.Builder().subject(subject).input(input).valid(percent > 0 && percent <= WHOLE)
                .explanation("a percentage must be more than 0 % and at most 100 %").build();
    };

    private MemoryShare() {
    }

    /** What a valid value comes to, in bytes. */
    static long bytes(final String value, final long deviceBytes) {
        final double percent = percent(value);
        return Double.isNaN(percent) ? DataUnit.parseDataSize(value, DataUnit.B).longValue()
                : (long) (deviceBytes * (percent / WHOLE));
    }

    /** An amount in words. */
    static String mebibytes(final long bytes) {
        return bytes / MEBIBYTE + " MiB";
    }

    private static double percent(final String value) {
        final Matcher matcher = PERCENTAGE.matcher(value);
        return matcher.matches() ? Double.parseDouble(matcher.group(1)) : Double.NaN;
    }
}
