package io.qwenimage.ptx.number;

import java.math.BigDecimal;
import java.math.MathContext;

/**
 * Sums, products, quotients and roots rounded once in any direction. Java rounds to the nearest; for the other
 * roundings the exact value is compared with that.
 */
public final class ExactArithmetic {
    private ExactArithmetic() {
    }

    /** a * b + c in FP32. */
    public static float fma(final float a, final float b, final float c, final Rounding rounding) {
        final float nearest = Math.fma(a, b, c);
        if (rounding == Rounding.NEAREST_EVEN || !Float.isFinite(a) || !Float.isFinite(b) || !Float.isFinite(c)) {
            return nearest;
        }
        final BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
        return exact.signum() == 0
            ? zero(nearest, (double) a * b == 0 ? Math.copySign(0.0, (double) a * b) : 1, c, rounding)
            : direct(exact, nearest, rounding);
    }

    /** a * b + c in FP64. */
    public static double fma(final double a, final double b, final double c, final Rounding rounding) {
        final double nearest = Math.fma(a, b, c);
        if (rounding == Rounding.NEAREST_EVEN || !Double.isFinite(a) || !Double.isFinite(b) || !Double.isFinite(c)) {
            return nearest;
        }
        final BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
        return exact.signum() == 0 ? zero(nearest, a * b == 0 ? Math.copySign(0.0, a * b) : 1, c, rounding)
            : direct(exact, nearest, rounding);
    }

    public static float divide(final float a, final float b, final Rounding rounding) {
        final float nearest = a / b;
        if (rounding == Rounding.NEAREST_EVEN || !Float.isFinite(a) || !Float.isFinite(b) || b == 0 || a == 0) {
            return nearest;
        }
        return direct(new BigDecimal(a).divide(new BigDecimal(b), new MathContext(80)), nearest, rounding);
    }

    public static double divide(final double a, final double b, final Rounding rounding) {
        final double nearest = a / b;
        if (rounding == Rounding.NEAREST_EVEN || !Double.isFinite(a) || !Double.isFinite(b) || b == 0 || a == 0) {
            return nearest;
        }
        return direct(new BigDecimal(a).divide(new BigDecimal(b), new MathContext(1200)), nearest, rounding);
    }

    public static float squareRoot(final float a, final Rounding rounding) {
        final float nearest = (float) Math.sqrt(a);
        if (rounding == Rounding.NEAREST_EVEN || !(a > 0) || Float.isInfinite(a)) {
            return nearest;
        }
        return direct(new BigDecimal(a).sqrt(new MathContext(80)), nearest, rounding);
    }

    public static double squareRoot(final double a, final Rounding rounding) {
        final double nearest = Math.sqrt(a);
        if (rounding == Rounding.NEAREST_EVEN || !(a > 0) || Double.isInfinite(a)) {
            return nearest;
        }
        return direct(new BigDecimal(a).sqrt(new MathContext(200)), nearest, rounding);
    }

    /** The double to an FP32 value. */
    public static float narrow(final double value, final Rounding rounding) {
        if (rounding == Rounding.NEAREST_EVEN || !Double.isFinite(value)) {
            return (float) value;
        }
        return Float.intBitsToFloat(FloatFormat.F32.encode(value, rounding));
    }

    /**
     * The sum rounded to odd: when it is not exact, to the neighbour whose last bit is 1. Rounding that once more to a
     * format of at least two bits less gives what rounding the exact sum would (Boldo and Melquiond, 2008).
     */
    public static double sumToOdd(final double a, final double b) {
        final double sum = a + b;
        if (!Double.isFinite(sum)) {
            return sum;
        }
        final double rest = sum - a;
        final double error = a - (sum - rest) + (b - rest);
        if (error == 0 || (Double.doubleToRawLongBits(sum) & 1) != 0) {
            return sum;
        }
        return error > 0 == sum > 0 ? Double.longBitsToDouble(Double.doubleToRawLongBits(sum) + 1)
            : Double.longBitsToDouble(Double.doubleToRawLongBits(sum) - 1);
    }

    /** An exact zero has the sign that both addends have, else it is negative only when rounding down. */
    private static float zero(final float nearest, final double product, final double addend, final Rounding rounding) {
        return (float) zero((double) nearest, product, addend, rounding);
    }

    private static double zero(final double nearest, final double product, final double addend,
                               final Rounding rounding) {
        final boolean bothZero = product == 0 && addend == 0;
        if (bothZero && Math.copySign(1, product) == Math.copySign(1, addend)) {
            return nearest;
        }
        return rounding == Rounding.DOWN ? -0.0 : 0.0;
    }

    private static float direct(final BigDecimal exact, final float nearest, final Rounding rounding) {
        float value = Float.isInfinite(nearest) ? Math.copySign(Float.MAX_VALUE, nearest) : nearest;
        if (nearest == 0) {
            value = exact.signum() < 0 ? -0.0f : 0.0f;
        }
        final int above = exact.compareTo(new BigDecimal(value));
        final boolean up = above > 0 && (rounding == Rounding.UP || rounding == Rounding.TOWARD_ZERO
            && exact.signum() < 0);
        final boolean down = above < 0 && (rounding == Rounding.DOWN || rounding == Rounding.TOWARD_ZERO
            && exact.signum() > 0);
        if (up) {
            value = Math.nextUp(value);
        } else if (down) {
            value = Math.nextDown(value);
        }
        return value == 0 ? Math.copySign(0.0f, exact.signum()) : value;
    }

    private static double direct(final BigDecimal exact, final double nearest, final Rounding rounding) {
        double value = Double.isInfinite(nearest) ? Math.copySign(Double.MAX_VALUE, nearest) : nearest;
        if (nearest == 0) {
            value = exact.signum() < 0 ? -0.0 : 0.0;
        }
        final int above = exact.compareTo(new BigDecimal(value));
        final boolean up = above > 0 && (rounding == Rounding.UP || rounding == Rounding.TOWARD_ZERO
            && exact.signum() < 0);
        final boolean down = above < 0 && (rounding == Rounding.DOWN || rounding == Rounding.TOWARD_ZERO
            && exact.signum() > 0);
        if (up) {
            value = Math.nextUp(value);
        } else if (down) {
            value = Math.nextDown(value);
        }
        return value == 0 ? Math.copySign(0.0, exact.signum()) : value;
    }
}
