package io.qwenimage.nifi.processors;

import java.math.BigDecimal;
import io.qwenimage.pipeline.DataException;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.Validator;

/**
 * The numbers that a property accepts. A literal is checked when it is typed, an expression's value for every FlowFile,
 * by the same rule.
 */
final class NumberRange implements Validator {
    private final BigDecimal minimum;
    private final BigDecimal maximum;
    private final boolean whole;

    private NumberRange(final BigDecimal minimum, final BigDecimal maximum, final boolean whole) {
        this.minimum = minimum;
        this.maximum = maximum;
        this.whole = whole;
    }

    /** Whole numbers, both ends included. */
    static NumberRange whole(final long minimum, final long maximum) {
        return new NumberRange(BigDecimal.valueOf(minimum), BigDecimal.valueOf(maximum), true);
    }

    /** Real numbers, both ends included. */
    static NumberRange real(final double minimum, final double maximum) {
        return new NumberRange(BigDecimal.valueOf(minimum), BigDecimal.valueOf(maximum), false);
    }

    /**
     * Reads a value.
     *
     * @param subject what it is the value of
     * @param value   null or blank for none
     * @return null for none
     * @throws DataException if it is no number of this range; names subject, value and range
     */
    BigDecimal read(final String subject, final String value) {
        if (value == null || value.isBlank()) {
            return null;
        }
        final BigDecimal number = parsed(value.strip());
        if (number == null) {
            throw new DataException(subject + " is \"" + abridged(value) + "\" but must be " + accepted());
        }
        return number;
    }

    @Override
    public ValidationResult validate(final String subject, final String input, final ValidationContext context) {
        final ValidationResult.Builder result = new ValidationResult.Builder().subject(subject).input(input);
        if (context.isExpressionLanguageSupported(subject) && context.isExpressionLanguagePresent(input)) {
            return result.valid(true).explanation("it is evaluated for every FlowFile").build();
        }
        final boolean valid = input != null && parsed(input.strip()) != null;
        return result.valid(valid).explanation("it must be " + accepted()).build();
    }

    /** The value, or null if it is none of this range. */
    private BigDecimal parsed(final String value) {
        // A longer text cannot be in any range, and numbers such as 1e999999999 are costly to compare.
        if (value.length() > 40) {
            return null;
        }
        try {
            final BigDecimal number = whole ? BigDecimal.valueOf(Long.parseLong(value)) : real(value);
            return number.compareTo(minimum) < 0 || number.compareTo(maximum) > 0 ? null : number;
        } catch (final NumberFormatException e) {
            return null;
        }
    }

    /** Not finite and not a number are refused, as {@link BigDecimal} has neither. */
    private static BigDecimal real(final String value) {
        return BigDecimal.valueOf(Double.parseDouble(value));
    }

    private String accepted() {
        return (whole ? "a whole number from " : "a number from ") + minimum.toPlainString() + " to "
                + maximum.toPlainString();
    }

    private static String abridged(final String value) {
        return value.length() <= 40 ? value : value.substring(0, 40) + "...";
    }
}
