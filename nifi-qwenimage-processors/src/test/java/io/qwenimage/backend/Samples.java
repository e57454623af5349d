package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Float8;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/** Random arguments of conformance tests, and the comparison of results with a float64 reference. */
final class Samples {
    private final Random random;

    /** Samples that depend on the seed alone. */
    Samples(final long seed) {
        random = new Random(seed);
    }

    /** Normally distributed numbers of the given spread. */
    HostTensor normal(final float spread, final long... extents) {
        final Shape shape = Shape.of(extents);
        final float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * spread;
        }
        return HostTensor.ofFloats(shape, values);
    }

    /** The same in another type, rounded to what that type holds. */
    HostTensor normal(final DType dtype, final float spread, final long... extents) {
        final HostTensor exact = normal(spread, extents);
        final float[] values = exact.toFloats();
        final ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * dtype.bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        for (final float value : values) {
            switch (dtype) {
                case F32 -> bytes.putFloat(value);
                case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
                case F16 -> bytes.putShort(Float.floatToFloat16(value));
                case F8_E4M3 -> bytes.put(nearestFloat8(value));
                case I64, I32, U8 -> throw new IllegalArgumentException(dtype.toString());
            }
        }
        return new HostTensor(exact.shape(), dtype, bytes.flip());
    }

    /**
     * Compares every element: the error may be twice that of the plain single-precision computation, plus a bound.
     *
     * @param expected the result in float64
     * @param plain    the result of plain loops in float32
     * @param epsilon  what is allowed beyond, for each element
     */
    static void assertClose(final double[] expected, final float[] plain, final HostTensor actual,
            final double epsilon) {
        final float[] values = actual.toFloats();
        assertEquals(expected.length, values.length, "number of elements");
        double plainError = 0;
        for (int i = 0; i < expected.length; i++) {
            plainError = Math.max(plainError, Math.abs(plain[i] - expected[i]));
        }
        final double allowed = 2 * plainError + epsilon;
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(values[i] - expected[i]) <= allowed)) {
                fail("element " + i + " of " + actual + " is " + values[i] + ", expected " + expected[i]
                        + ", allowed error " + allowed);
            }
        }
    }

    /** Root mean square of the values. */
    static double rms(final double[] values) {
        double sum = 0;
        for (final double value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum / values.length);
    }

    private static byte nearestFloat8(final float value) {
        byte best = 0;
        for (int bits = -128; bits < 128; bits++) {
            final float candidate = Float8.toFloat((byte) bits);
            if (Math.abs(candidate - value) < Math.abs(Float8.toFloat(best) - value)) {
                best = (byte) bits;
            }
        }
        return best;
    }
}
