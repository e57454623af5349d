package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Float8;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** Random arguments of conformance tests, and the comparison of results with a float64 reference. */
final class Samples {
    /** What the magnitudes of F8_E4M3 are, by their codes; they rise, and the last code is no number. */
    private static final float[] FLOAT8 = magnitudes();
    /** Half of the last of BF16's eight digits, relative to the number. */
    static final double BRAIN_FLOAT_HALF = 0x1p-8;

    private final Random random;
    private final DType held;

    /** Samples that depend on the seed alone. */
    Samples(final long seed) {
        this(seed, DType.F32);
    }

    /** The same, rounded to what a type holds: a backend whose activations have it computes from these very numbers. */
    Samples(final long seed, final DType held) {
        random = new Random(seed);
        this.held = held;
    }

    /** Normally distributed numbers of the given spread. */
    HostTensor normal(final float spread, final long... extents) {
        final Shape shape = Shape.of(extents);
        final float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = held(held, (float) random.nextGaussian() * spread);
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

    /** What a type, F32 or BF16, keeps of a number: the nearest that it has, the even one of two. */
    static float held(final DType type, final float value) {
        if (type == DType.F32 || Float.isNaN(value)) {
            return value;
        }
        final int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    /**
     * Compares every element: the error may be twice that of the plain computation, plus a bound, plus half of the last
     * digit that the result's type has for the element.
     *
     * @param expected the result in float64
     * @param plain    the result of plain loops in float32
     * @param epsilon  what is allowed beyond, for each element
     * @param type     F32 or BF16
     */
    static void assertClose(final double[] expected, final float[] plain, final HostTensor actual,
            final double epsilon, final DType type) {
        final float[] values = actual.toFloats();
        assertEquals(expected.length, values.length, "number of elements");
        double plainError = 0;
        for (int i = 0; i < expected.length; i++) {
            plainError = Math.max(plainError, Math.abs(plain[i] - expected[i]));
        }
        for (int i = 0; i < expected.length; i++) {
            final double allowed = 2 * plainError + epsilon + (type == DType.F32 ? 0
                    : Math.scalb(BRAIN_FLOAT_HALF, Math.getExponent(expected[i])));
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
        final int found = Arrays.binarySearch(FLOAT8, Math.abs(value));
        int code = found;
        if (found < 0) {
            final int above = Math.min(-found - 1, FLOAT8.length - 1);
            final int below = Math.max(above - 1, 0);
            code = Math.abs(value) - FLOAT8[below] < FLOAT8[above] - Math.abs(value) ? below : above;
        }
        return (byte) (value < 0 ? code | 0x80 : code);
    }

    private static float[] magnitudes() {
        final float[] magnitudes = new float[127];
        for (int code = 0; code < magnitudes.length; code++) {
            magnitudes[code] = Float8.toFloat((byte) code);
        }
        return magnitudes;
    }
}
