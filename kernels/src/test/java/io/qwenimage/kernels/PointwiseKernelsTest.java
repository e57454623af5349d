package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class PointwiseKernelsTest {
    private static final float[] SPECIAL = {0f, -0f, 1f, -1f, 20f, -20f, 88f, -88f, -104f, -150f, 150f, 1e4f, -1e4f,
        Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN, 1e-7f, -1e-7f};

    @ParameterizedTest
    @CsvSource({"SILU,BF16,1000", "SILU,F32,4099", "GELU,BF16,2048", "GELU,F16,33", "GELU,F32,700",
            "GELU_TANH,BF16,5000", "GELU_TANH,F32,1024", "QUICK_GELU,F16,2500", "QUICK_GELU,F32,1"})
    void testActivations(final Activation activation, final ElementType type, final int count,
            final KernelDevice device) {
        final TensorView x = device.random(new Random(count), 3, type, count);
        final TensorView out = device.empty(type, count);
        new PointwiseKernels(device.cuda()).activate(device.stream(), x, activation, out);
        requireActivated(activation, type, device.download(x), device.download(out));
    }

    /** Far from zero, at zero and where there is no number; the ends are 0 and x, never a NaN out of a number. */
    @ParameterizedTest
    @CsvSource({"SILU,BF16", "SILU,F32", "GELU,BF16", "GELU,F32", "GELU_TANH,BF16", "GELU_TANH,F32",
            "QUICK_GELU,BF16", "QUICK_GELU,F32"})
    void testActivationsAtTheEnds(final Activation activation, final ElementType type, final KernelDevice device) {
        final TensorView x = device.upload(SPECIAL, type, SPECIAL.length);
        final TensorView out = device.empty(type, SPECIAL.length);
        new PointwiseKernels(device.cuda()).activate(device.stream(), x, activation, out);
        requireActivated(activation, type, device.download(x), device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,4096", "F16,2049", "F32,5", "BF16,10001"})
    void testAdd(final ElementType type, final int count, final KernelDevice device) {
        final Random random = new Random(count);
        final TensorView a = device.random(random, 3, type, count);
        final TensorView b = device.random(random, 3, type, count);
        final TensorView out = device.empty(type, count);
        new PointwiseKernels(device.cuda()).add(device.stream(), a, b, out);
        final float[] first = device.download(a);
        final float[] second = device.download(b);
        final float[] actual = device.download(out);
        for (int i = 0; i < count; i++) {
            assertEquals(KernelDevice.round(first[i] + second[i], type), actual[i], "element " + i);
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16,3,4864,0", "F16,5,37,0", "F32,2,1030,0", "BF16,4,100,4", "BF16,1,3000,0", "BF16,9000,1,0"})
    void testSwiGlu(final ElementType type, final int rows, final int width, final int gap,
            final KernelDevice device) {
        final TensorView projection = device.random(new Random(width), 2, type, rows, 2 * width + gap);
        final TensorView gate = projection.slice(1, 0, width);
        final TensorView up = projection.slice(1, width, 2 * width);
        final TensorView out = device.empty(type, rows, width);
        new PointwiseKernels(device.cuda()).swiGlu(device.stream(), gate, up, out);
        final float[] g = device.download(gate);
        final float[] u = device.download(up);
        final double[] exact = new double[g.length];
        final double[] composed = new double[g.length];
        for (int i = 0; i < g.length; i++) {
            final double silu = exact(Activation.SILU, g[i]);
            exact[i] = silu * u[i];
            composed[i] = Conformance.round(Conformance.round(silu, type) * u[i], type);
        }
        Conformance.require("swiglu", type, width, device.download(out), exact, composed);
    }

    @ParameterizedTest
    @CsvSource({"F32,BF16,3000", "F32,F16,1029", "BF16,F32,2048", "BF16,F16,777", "F16,F32,4096", "F16,BF16,5"})
    void testConversions(final ElementType from, final ElementType to, final int count, final KernelDevice device) {
        final float[] values = new float[count + SPECIAL.length + 6];
        final Random random = new Random(count);
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian() * 8));
        }
        System.arraycopy(SPECIAL, 0, values, count, SPECIAL.length);
        // Halfway between two numbers of the narrow types, and beyond their largest.
        System.arraycopy(new float[] {1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1p-11f, 1 + 0x3p-11f, 65520f, 3.4e38f}, 0, values,
                count + SPECIAL.length, 6);
        final TensorView x = device.upload(values, from, values.length);
        final TensorView out = device.empty(to, values.length);
        new PointwiseKernels(device.cuda()).cast(device.stream(), x, out);
        final float[] read = device.download(x);
        final float[] expected = new float[read.length];
        for (int i = 0; i < read.length; i++) {
            expected[i] = KernelDevice.round(read[i], to);
        }
        assertArrayEquals(expected, device.download(out));
    }

    /** All 256 numbers of both formats, at both alignments. */
    @ParameterizedTest
    @CsvSource({"F8_E4M3,BF16", "F8_E4M3,F16", "F8_E4M3,F32", "F8_E5M2,BF16", "F8_E5M2,F16", "F8_E5M2,F32"})
    void testStoredWeightsOfEightBits(final ElementType from, final ElementType to, final KernelDevice device) {
        final float[] codes = new float[4096];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = i & 0xff;
        }
        final TensorView bytes = device.upload(codes, ElementType.U8, codes.length);
        final TensorView out = device.empty(to, codes.length);
        for (final int skipped : new int[] {0, 1}) {
            final int count = codes.length - skipped;
            final TensorView x = TensorView.of(bytes.address() + skipped, from, count);
            final TensorView target = out.slice(0, 0, count);
            new PointwiseKernels(device.cuda()).cast(device.stream(), x, target);
            final float[] actual = device.download(target);
            for (int i = 0; i < count; i++) {
                assertEquals(value(from, i + skipped & 0xff), actual[i], "code " + (i + skipped & 0xff));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"F32,1,128", "BF16,3,128", "F32,2,13"})
    void testTimestepEmbedding(final ElementType type, final int count, final int half, final KernelDevice device) {
        final float[] timesteps = new float[count];
        final float[] frequencies = new float[half];
        for (int i = 0; i < count; i++) {
            timesteps[i] = 1f / (i + 1);
        }
        for (int i = 0; i < half; i++) {
            frequencies[i] = (float) Math.exp((float) -Math.log(10000) * i / half);
        }
        final TensorView out = device.empty(type, count, 2 * half);
        new PointwiseKernels(device.cuda()).timestepEmbedding(device.stream(),
                device.upload(timesteps, ElementType.F32, count), device.upload(frequencies, ElementType.F32, half),
                1000, out);
        final double[] exact = new double[count * 2 * half];
        for (int i = 0; i < exact.length; i++) {
            final int row = i / (2 * half);
            final float angle = 1000f * (timesteps[row] * frequencies[i % half]);
            exact[i] = i % (2 * half) < half ? Math.cos(angle) : Math.sin(angle);
        }
        final float[] actual = device.download(out);
        for (int i = 0; i < exact.length; i++) {
            // Near a zero of the function an error is measured against 1, its largest value.
            assertEquals(exact[i], actual[i], type == ElementType.F32 ? 2e-7 : 0x1p-9, "element " + i);
        }
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final PointwiseKernels kernels = new PointwiseKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 4, 8);
        final TensorView wide = device.zeros(ElementType.F32, 4, 8);
        final TensorView integers = device.zeros(ElementType.I32, 4, 8);
        assertThrows(IllegalArgumentException.class,
                () -> kernels.activate(device.stream(), x, Activation.NONE, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.activate(device.stream(), x, Activation.SILU, wide));
        assertThrows(IllegalArgumentException.class, () -> kernels.add(device.stream(), x, x.slice(0, 0, 3), x));
        assertThrows(IllegalArgumentException.class, () -> kernels.cast(device.stream(), x, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.cast(device.stream(), integers, x));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.activate(device.stream(), x.slice(1, 0, 4), Activation.SILU, x.slice(1, 0, 4)));
    }

    private static void requireActivated(final Activation activation, final ElementType type, final float[] x,
            final float[] actual) {
        final double[] exact = new double[x.length];
        final double[] composed = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            exact[i] = exact(activation, x[i]);
            composed[i] = composed(activation, x[i], type);
        }
        Conformance.require(activation.name(), type, 1, actual, exact, composed);
    }

    private static double exact(final Activation activation, final double x) {
        return switch (activation) {
            case NONE -> x;
            case SILU -> timesSigmoid(x, x);
            case GELU -> x < -50 ? 0 : x > 50 ? x : x * 0.5 * ErrorFunction.complement(-x / Math.sqrt(2));
            case GELU_TANH -> timesSigmoid(x, 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
            case QUICK_GELU -> timesSigmoid(x, 1.702 * x);
        };
    }

    private static double timesSigmoid(final double x, final double argument) {
        return x == Double.NEGATIVE_INFINITY ? 0 : x / (1 + Math.exp(-argument));
    }

    /** As their formulas stand in frameworks: 1 + erf and 1 + tanh lose the digits of the negative side. */
    private static double composed(final Activation activation, final double x, final ElementType type) {
        return switch (activation) {
            case NONE -> x;
            case SILU, QUICK_GELU -> Conformance.round(exact(activation, x), type);
            case GELU -> Conformance.round(0.5 * x * Conformance.round(
                    1 + Conformance.round(1 - ErrorFunction.complement(x / Math.sqrt(2)), type), type), type);
            case GELU_TANH -> Conformance.round(0.5 * x * Conformance.round(1 + Conformance.round(
                    Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)), type), type), type);
        };
    }

    /** The number that a code of eight bits stands for. */
    private static float value(final ElementType type, final int code) {
        final boolean wide = type == ElementType.F8_E5M2;
        final int mantissaBits = wide ? 2 : 3;
        final int bias = wide ? 15 : 7;
        final int exponent = (code & 0x7f) >> mantissaBits;
        final int mantissa = code & (1 << mantissaBits) - 1;
        final double sign = (code & 0x80) == 0 ? 1 : -1;
        if (!wide && (code & 0x7f) == 0x7f || wide && exponent == 31 && mantissa != 0) {
            return Float.NaN;
        }
        if (wide && exponent == 31) {
            return (float) (sign * Double.POSITIVE_INFINITY);
        }
        final double fraction = mantissa * Math.pow(2, -mantissaBits);
        return (float) (sign * (exponent == 0 ? fraction * Math.pow(2, 1 - bias)
                : (1 + fraction) * Math.pow(2, exponent - bias)));
    }
}
