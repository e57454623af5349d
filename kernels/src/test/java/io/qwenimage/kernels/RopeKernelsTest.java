package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class RopeKernelsTest {
    private static final float EPS = 1e-6f;

    /** A case: what is computed in double precision, and by operations that are each rounded. */
    private record Heads(ElementType type, int tokens, int heads, int width) {
        void require(final KernelDevice device, final TensorView x, final TensorView weight, final double[] cosine,
                final double[] sine, final RotaryPairs pairs, final TensorView out) {
            final double[] exact = new double[tokens * heads * width];
            final double[] composed = new double[exact.length];
            final float[] values = device.download(x);
            final float[] factors = weight == null ? null : device.download(weight);
            for (int head = 0; head < tokens * heads; head++) {
                final int token = head / heads;
                final double[] normal = new double[width];
                final double[] rounded = new double[width];
                norm(values, factors, head * width, normal, rounded);
                for (int pair = 0; pair < width / 2; pair++) {
                    final int a = pairs == RotaryPairs.HALVES ? pair : 2 * pair;
                    final int b = pairs == RotaryPairs.HALVES ? pair + width / 2 : 2 * pair + 1;
                    final double c = cosine == null ? 1 : cosine[token * (width / 2) + pair];
                    final double s = sine == null ? 0 : sine[token * (width / 2) + pair];
                    exact[head * width + a] = normal[a] * c - normal[b] * s;
                    exact[head * width + b] = normal[b] * c + normal[a] * s;
                    composed[head * width + a] = round(round(rounded[a] * c) - round(rounded[b] * s));
                    composed[head * width + b] = round(round(rounded[b] * c) + round(rounded[a] * s));
                }
            }
            Conformance.require("heads " + this + " " + pairs, type, width, device.download(out), exact, composed);
        }

        private void norm(final float[] x, final float[] weight, final int at, final double[] normal,
                final double[] rounded) {
            double sum = 0;
            for (int i = 0; i < width; i++) {
                sum += (double) x[at + i] * x[at + i];
            }
            final double scale = 1 / Math.sqrt(sum / width + EPS);
            for (int i = 0; i < width; i++) {
                normal[i] = weight == null ? x[at + i] : x[at + i] * scale * weight[i];
                rounded[i] = weight == null ? x[at + i] : round(round(x[at + i] * scale) * weight[i]);
            }
        }

        private double round(final double value) {
            return Conformance.round(value, type);
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,24,128,NEIGHBOURS", "BF16,3,28,128,HALVES", "F16,7,3,64,NEIGHBOURS", "F32,4,5,128,HALVES",
            "BF16,9,16,80,HALVES", "BF16,1,1,16,NEIGHBOURS", "BF16,2,3,12,NEIGHBOURS", "F16,2,5,6,HALVES",
            "F32,3,2,32,NEIGHBOURS", "BF16,2,2,256,HALVES", "BF16,2,1,520,NEIGHBOURS", "F32,1,3,2,HALVES",
            "BF16,700,7,32,NEIGHBOURS"})
    void testNormAndRotation(final ElementType type, final int tokens, final int heads, final int width,
            final RotaryPairs pairs, final KernelDevice device) {
        final Random random = new Random(width + tokens);
        final double[] angles = random.doubles((long) tokens * (width / 2), -300, 300).toArray();
        final TensorView cosine = table(device, angles, true, tokens);
        final TensorView sine = table(device, angles, false, tokens);
        final TensorView x = device.random(random, 2, type, tokens, heads, width);
        final TensorView weight = device.random(random, 1, type, width);
        final TensorView out = device.empty(type, tokens, heads, width);
        new RopeKernels(device.cuda()).qkNormRope(device.stream(), x, weight, EPS, cosine, sine, pairs, out);
        new Heads(type, tokens, heads, width).require(device, x, weight, doubles(device.download(cosine)),
                doubles(device.download(sine)), pairs, out);
    }

    @Test
    void testNormWithoutRotationAndRotationWithoutNorm(final KernelDevice device) {
        final Random random = new Random(3);
        final Heads heads = new Heads(ElementType.BF16, 4, 5, 64);
        final TensorView cosine = device.random(random, 1, ElementType.F32, 4, 32);
        final TensorView sine = device.random(random, 1, ElementType.F32, 4, 32);
        final TensorView x = device.random(random, 2, ElementType.BF16, 4, 5, 64);
        final TensorView weight = device.random(random, 1, ElementType.BF16, 64);
        final TensorView out = device.empty(ElementType.BF16, 4, 5, 64);
        final RopeKernels kernels = new RopeKernels(device.cuda());
        kernels.qkNormRope(device.stream(), x, weight, EPS, null, null, RotaryPairs.HALVES, out);
        heads.require(device, x, weight, null, null, RotaryPairs.HALVES, out);
        kernels.qkNormRope(device.stream(), x, null, EPS, cosine, sine, RotaryPairs.NEIGHBOURS, out);
        heads.require(device, x, null, doubles(device.download(cosine)), doubles(device.download(sine)),
                RotaryPairs.NEIGHBOURS, out);
    }

    /** Queries and keys in rows of a fused projection become rows of a buffer that begins with text. */
    @Test
    void testFromAFusedProjectionIntoAJointBuffer(final KernelDevice device) {
        final Random random = new Random(4);
        final int heads = 6;
        final int width = 32;
        final TensorView projection = device.random(random, 2, ElementType.BF16, 5, 3 * heads * width);
        final TensorView joint = device.zeros(ElementType.BF16, 9, heads, width);
        final TensorView weight = device.random(random, 1, ElementType.BF16, width);
        final TensorView cosine = device.random(random, 1, ElementType.F32, 5, width / 2);
        final TensorView sine = device.random(random, 1, ElementType.F32, 5, width / 2);
        final TensorView keys = new TensorView(projection.address() + 2L * heads * width, ElementType.BF16,
                new long[] {5, heads, width}, new long[] {3L * heads * width, width, 1});
        final TensorView rows = joint.slice(0, 3, 8);
        new RopeKernels(device.cuda()).qkNormRope(device.stream(), keys, weight, EPS, cosine, sine,
                RotaryPairs.NEIGHBOURS, rows);
        new Heads(ElementType.BF16, 5, heads, width).require(device, keys, weight, doubles(device.download(cosine)),
                doubles(device.download(sine)), RotaryPairs.NEIGHBOURS, rows);
        for (final TensorView untouched : new TensorView[] {joint.slice(0, 0, 3), joint.slice(0, 8, 9)}) {
            for (final float value : device.download(untouched)) {
                assertEquals(0, value);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,4,128,16,24,24,false", "BF16,5,4,128,24,20,20,true", "F16,3,2,64,8,12,12,true",
            "F32,2,3,20,4,3,3,false", "BF16,1,28,128,16,24,24,false"})
    void testMultimodalPositions(final ElementType type, final int tokens, final int heads, final int width,
            final int time, final int row, final int column, final boolean interleaved, final KernelDevice device) {
        final Random random = new Random(width + tokens);
        final int half = width / 2;
        final int[] positions = random.ints(3L * tokens, 0, 20000).toArray();
        final float[] frequencies = new float[half];
        for (int i = 0; i < half; i++) {
            frequencies[i] = 1f / (float) Math.pow(1e6, 2f * i / width);
        }
        final double[] cosine = new double[tokens * half];
        final double[] sine = new double[tokens * half];
        for (int i = 0; i < cosine.length; i++) {
            final int axis = axis(i % half, interleaved, time, row, column);
            final float angle = positions[axis * tokens + i / half] * frequencies[i % half];
            cosine[i] = Math.cos(angle);
            sine[i] = Math.sin(angle);
        }
        final TensorView x = device.random(random, 2, type, tokens, heads, width);
        final TensorView out = device.empty(type, tokens, heads, width);
        new RopeKernels(device.cuda()).qkNormRopeMultimodal(device.stream(), x, null, EPS,
                device.upload(positions, 3, tokens), device.upload(frequencies, ElementType.F32, half),
                new int[] {time, row, column}, interleaved, out);
        new Heads(type, tokens, heads, width).require(device, x, null, cosine, sine, RotaryPairs.HALVES, out);
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final RopeKernels kernels = new RopeKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 2, 3, 16);
        final TensorView odd = device.zeros(ElementType.BF16, 2, 3, 15);
        final TensorView table = device.zeros(ElementType.F32, 2, 8);
        final TensorView wide = device.zeros(ElementType.F32, 2, 9);
        final TensorView positions = device.zeros(ElementType.I32, 3, 2);
        final TensorView frequencies = device.zeros(ElementType.F32, 8);
        assertThrows(IllegalArgumentException.class, () -> kernels.qkNormRope(device.stream(), odd, null, EPS, null,
                null, RotaryPairs.HALVES, odd));
        assertThrows(IllegalArgumentException.class, () -> kernels.qkNormRope(device.stream(), x, null, EPS, table,
                null, RotaryPairs.HALVES, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.qkNormRope(device.stream(), x, null, EPS, wide,
                wide, RotaryPairs.HALVES, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.qkNormRopeMultimodal(device.stream(), x, null, EPS,
                positions, frequencies, new int[] {2, 3, 4}, false, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.qkNormRope(device.stream(), x.slice(2, 0, 8), null,
                EPS, null, null, RotaryPairs.HALVES, x.slice(2, 0, 8)));
    }

    private static int axis(final int pair, final boolean interleaved, final int... sections) {
        if (interleaved) {
            return pair % 3 != 0 && pair < 3 * sections[pair % 3] ? pair % 3 : 0;
        }
        return pair < sections[0] ? 0 : pair < sections[0] + sections[1] ? 1 : 2;
    }

    private static TensorView table(final KernelDevice device, final double[] angles, final boolean cosine,
            final int tokens) {
        final float[] values = new float[angles.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (cosine ? Math.cos(angles[i]) : Math.sin(angles[i]));
        }
        return device.upload(values, ElementType.F32, tokens, angles.length / tokens);
    }

    private static double[] doubles(final float[] values) {
        final double[] result = new double[values.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = values[i];
        }
        return result;
    }
}
