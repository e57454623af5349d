package io.qwenimage.ptx.text;

import java.math.BigInteger;
import java.util.Locale;

/** Reads PTX constants: decimal, hexadecimal, octal and binary integers, {@code 0f}/{@code 0d} bits, decimal floats. */
final class Literals {
    private Literals() {
    }

    static PtxOperand.Literal parse(final Token token) {
        final String text = token.text();
        try {
            final String lower = text.toLowerCase(Locale.ROOT);
            if (lower.startsWith("0f") && lower.length() == 10) {
                return new PtxOperand.Literal(PtxOperand.Literal.Form.FLOAT32,
                    Integer.parseUnsignedInt(lower.substring(2), 16) & 0xffffffffL);
            }
            if (lower.startsWith("0d") && lower.length() == 18) {
                return new PtxOperand.Literal(PtxOperand.Literal.Form.FLOAT64,
                    Long.parseUnsignedLong(lower.substring(2), 16));
            }
            if (lower.startsWith("0x")) {
                return integer(unsuffixed(lower.substring(2)), 16);
            }
            if (lower.startsWith("0b")) {
                return integer(unsuffixed(lower.substring(2)), 2);
            }
            if (lower.indexOf('.') >= 0 || lower.indexOf('e') >= 0) {
                return new PtxOperand.Literal(PtxOperand.Literal.Form.FLOAT64,
                    Double.doubleToRawLongBits(Double.parseDouble(lower)));
            }
            final String digits = unsuffixed(lower);
            return integer(digits, digits.length() > 1 && digits.charAt(0) == '0' ? 8 : 10);
        } catch (final NumberFormatException e) {
            throw new PtxSyntaxException(token.line(), "'" + text + "' is not a number");
        }
    }

    private static String unsuffixed(final String digits) {
        return digits.endsWith("u") ? digits.substring(0, digits.length() - 1) : digits;
    }

    private static PtxOperand.Literal integer(final String digits, final int radix) {
        final BigInteger value = new BigInteger(digits, radix);
        if (value.bitLength() > 64) {
            throw new NumberFormatException(digits);
        }
        return new PtxOperand.Literal(PtxOperand.Literal.Form.INTEGER, value.longValue());
    }
}
