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
class LatentKernelsTest {
    @ParameterizedTest
    @CsvSource({"BF16,37,64,true", "BF16,37,64,false", "F16,5,64,true", "F32,9,64,true", "BF16,3,200,true",
            "F32,2,7,true", "BF16,1,1,true", "F32,4,130,false", "BF16,6,12,true"})
    void testGuidanceStep(final ElementType type, final int tokens, final int width, final boolean guided,
            final KernelDevice device) {
        final Random random = new Random(width);
        final float scale = 4;
        final float dt = -0.0625f;
        final TensorView latents = device.random(random, 1, ElementType.F32, tokens, width);
        final TensorView conditional = device.random(random, 1, type, tokens, width);
        final TensorView unconditional = guided ? device.random(random, 1, type, tokens, width) : null;
        final TensorView out = device.empty(ElementType.F32, tokens, width);
        new LatentKernels(device.cuda()).guidanceStep(device.stream(), latents, conditional, unconditional, scale,
                device.upload(new float[] {dt}, ElementType.F32, 1), out);
        final float[] x = device.download(latents);
        final float[] c = device.download(conditional);
        final float[] u = guided ? device.download(unconditional) : c;
        final double[] exact = new double[x.length];
        for (int row = 0; row < x.length; row += width) {
            double wanted = 0;
            double actual = 0;
            for (int i = row; i < row + width; i++) {
                final double combined = u[i] + (double) scale * (c[i] - u[i]);
                wanted += (double) c[i] * c[i];
                actual += combined * combined;
            }
            for (int i = row; i < row + width; i++) {
                final double combined = guided ? u[i] + (double) scale * (c[i] - u[i]) : c[i];
                exact[i] = x[i] + dt * combined * (guided ? Math.sqrt(wanted / actual) : 1);
            }
        }
        final float[] result = device.download(out);
        for (int i = 0; i < exact.length; i++) {
            assertEquals(exact[i], result[i], 1e-6 * (1 + Math.abs(exact[i])), "element " + i);
        }
    }

    /** Where the guided prediction is zero there is no direction to go in. */
    @Test
    void testGuidedPredictionOfZeroLeavesTheLatents(final KernelDevice device) {
        final TensorView latents = device.random(new Random(1), 1, ElementType.F32, 2, 64);
        final TensorView zero = device.zeros(ElementType.BF16, 2, 64);
        final TensorView out = device.empty(ElementType.F32, 2, 64);
        new LatentKernels(device.cuda()).guidanceStep(device.stream(), latents, zero, zero, 4,
                device.upload(new float[] {-0.1f}, ElementType.F32, 1), out);
        assertArrayEquals(device.download(latents), device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,16,12,10", "F32,16,2,2", "F16,3,4,6", "BF16,1,2,34"})
    void testPackAndUnpack(final ElementType type, final int channels, final int height, final int width,
            final KernelDevice device) {
        final TensorView latents = device.random(new Random(width), 1, ElementType.F32, channels, height, width);
        final TensorView packed = device.empty(ElementType.F32, (long) height / 2 * (width / 2), 4L * channels);
        final TensorView deviation = device.random(new Random(2), 1, ElementType.F32, channels);
        final TensorView mean = device.random(new Random(3), 1, ElementType.F32, channels);
        final LatentKernels kernels = new LatentKernels(device.cuda());
        kernels.pack(device.stream(), latents, packed);
        final float[] x = device.download(latents);
        final float[] tokens = device.download(packed);
        for (int i = 0; i < tokens.length; i++) {
            final int feature = i % (4 * channels);
            final int token = i / (4 * channels);
            final int row = token / (width / 2) * 2 + feature / 2 % 2;
            final int column = token % (width / 2) * 2 + feature % 2;
            assertEquals(x[(feature / 4 * height + row) * width + column], tokens[i], "feature " + i);
        }
        final float[] d = device.download(deviation);
        final float[] m = device.download(mean);
        final TensorView plain = device.empty(type, height, width, channels);
        final TensorView restored = device.empty(type, height, width, channels);
        kernels.unpack(device.stream(), packed, null, null, plain);
        kernels.unpack(device.stream(), packed, deviation, mean, restored);
        final float[] left = device.download(plain);
        final double[] exact = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            final int channel = i % channels;
            final float source = x[channel * height * width + i / channels];
            assertEquals(KernelDevice.round(source, type), left[i], "element " + i);
            exact[i] = (double) source * d[channel] + m[channel];
        }
        Conformance.require("restored", type, 1, device.download(restored), exact);
    }

    @ParameterizedTest
    @CsvSource({"F32,1000", "BF16,3001", "F16,7"})
    void testPixels(final ElementType type, final int count, final KernelDevice device) {
        final float[] values = new float[count];
        final Random random = new Random(count);
        for (int i = 0; i < count; i++) {
            // Every second one lies where 255 (x / 2 + 1/2) is halfway between two whole numbers.
            values[i] = i % 2 == 0 ? (float) random.nextGaussian() : (2 * random.nextInt(256) + 1) / 255f - 1;
        }
        System.arraycopy(new float[] {-1, 1, 0, 1e30f, -1e30f, Float.NaN, Float.NEGATIVE_INFINITY}, 0, values, 0, 7);
        final TensorView x = device.upload(values, type, count);
        final TensorView out = device.empty(ElementType.U8, count);
        new LatentKernels(device.cuda()).pixels(device.stream(), x, out);
        final float[] read = device.download(x);
        final float[] actual = device.download(out);
        for (int i = 0; i < count; i++) {
            final float unit = Math.min(Math.max(read[i] * 0.5f + 0.5f, 0f), 1f);
            final float expected = Float.isNaN(read[i]) ? 0 : (float) Math.rint(unit * 255f);
            assertEquals(expected, actual[i], "pixel " + i + " of " + read[i]);
        }
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final LatentKernels kernels = new LatentKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.F32, 4, 64);
        final TensorView other = device.zeros(ElementType.BF16, 4, 64);
        final TensorView odd = device.zeros(ElementType.F32, 16, 3, 4);
        final TensorView dt = device.zeros(ElementType.F32, 1);
        assertThrows(IllegalArgumentException.class,
                () -> kernels.guidanceStep(device.stream(), other, other, null, 4, dt, x));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.guidanceStep(device.stream(), x, x, other, 4, dt, x));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.guidanceStep(device.stream(), x, x, null, 4, device.zeros(ElementType.F32, 2), x));
        assertThrows(IllegalArgumentException.class, () -> kernels.pack(device.stream(), odd, x));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.unpack(device.stream(), x, x, null, device.zeros(ElementType.F32, 4, 4, 16)));
        assertThrows(IllegalArgumentException.class, () -> kernels.pixels(device.stream(), x, other));
    }
}
