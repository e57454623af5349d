package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class ConvolutionTest {
    private static final double SPLIT_SHARE = 4e-5;

    /** Height, width, in, out, kernel, stride. */
    static List<Arguments> cases() {
        final List<Arguments> cases = new ArrayList<>();
        for (final Backends.Named backend : Backends.all()) {
            for (final DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16, DType.F8_E4M3}) {
                for (final int[] c : new int[][] {{17, 23, 16, 24, 3, 1}, {1, 1, 3, 5, 3, 1}, {9, 40, 48, 3, 3, 1},
                        {12, 11, 7, 8, 1, 1}, {14, 18, 6, 10, 3, 2}, {33, 5, 33, 65, 3, 1}}) {
                    cases.add(Arguments.of(backend, dtype, c[0], c[1], c[2], c[3], c[4], c[5]));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void equalsTheSumOverTheWindow(final Backends.Named kind, final DType dtype, final int height, final int width,
            final int in, final int out, final int kernel, final int stride) {
        final Padding padding = stride == 2 ? new Padding(0, 1, 0, 1) : Padding.of(kernel / 2);
        check(kind, dtype, new int[] {height, width, in, out, kernel, stride}, padding, false);
        check(kind, dtype, new int[] {height, width, in, out, kernel, stride}, padding, true);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("io.qwenimage.backend.Backends#cudaWithoutCudnn")
    void equalsItByUnfoldedWindows(final Backends.Named kind) {
        check(kind, DType.BF16, new int[] {9, 7, 16, 24, 3, 1}, Padding.of(1), true);
        check(kind, DType.F16, new int[] {8, 9, 6, 10, 3, 2}, new Padding(0, 1, 0, 1), true);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void computesSidesWithDifferentPadding(final Backends.Named kind) {
        check(kind, DType.BF16, new int[] {8, 9, 4, 6, 3, 1}, new Padding(2, 0, 1, 3), true);
        check(kind, DType.F32, new int[] {8, 9, 4, 6, 3, 1}, Padding.NONE, true);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void refusesAPictureSmallerThanTheKernel(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Samples samples = new Samples(1);
            final Tensor x = backend.upload(arena, samples.normal(1f, 2, 2, 4));
            final Tensor weight = backend.weight(arena, samples.normal(1f, 4, 4, 3, 3), WeightRole.CONVOLUTION);
            assertThrows(IllegalArgumentException.class,
                    () -> backend.convolution(arena, x, weight, null, 1, Padding.NONE, null));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void repeatsPixels(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor x = backend.upload(arena, HostTensor.ofFloats(Shape.of(1, 2, 2), 1, 2, 3, 4));
            assertArrayEquals(new float[] {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4},
                    backend.download(backend.upsampleNearest(arena, x)).toFloats());
        }
    }

    private static void check(final Backends.Named kind, final DType dtype, final int[] c, final Padding padding,
            final boolean full) {
        final Samples samples = kind.samples(c[0] + c[2]);
        final HostTensor x = samples.normal(1f, c[0], c[1], c[2]);
        final HostTensor weight = samples.normal(dtype, 0.2f, c[3], c[2], c[4], c[4]);
        final int height = (c[0] + padding.top() + padding.bottom() - c[4]) / c[5] + 1;
        final int width = (c[1] + padding.left() + padding.right() - c[4]) / c[5] + 1;
        final HostTensor bias = samples.normal(1f, c[3]);
        final HostTensor residual = samples.normal(1f, height, width, c[3]);
        final double[] expected = new double[height * width * c[3]];
        final float[] plain = new float[expected.length];
        reference(kind, x, weight, full ? bias : null, full ? residual : null, c[5], padding, width, expected, plain);
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor result = backend.convolution(arena, backend.upload(arena, x),
                    backend.weight(arena, weight, WeightRole.CONVOLUTION),
                    full ? backend.weight(arena, bias, WeightRole.VECTOR) : null, c[5], padding,
                    full ? backend.upload(arena, residual) : null);
            kind.assertClose(expected, plain, backend.download(result), SPLIT_SHARE * Samples.rms(expected));
        }
    }

    /** The plain computation stores the sum before it adds the residual. */
    private static void reference(final Backends.Named kind, final HostTensor x, final HostTensor weight,
            final HostTensor bias, final HostTensor residual, final int stride, final Padding padding, final int width,
            final double[] expected, final float[] plain) {
        final float[] pixels = x.toFloats();
        final float[] taps = weight.toFloats();
        final float[] biases = bias == null ? null : bias.toFloats();
        final float[] rests = residual == null ? null : residual.toFloats();
        final int rows = x.shape().intExtent(0);
        final int columns = x.shape().intExtent(1);
        final int in = x.shape().intExtent(2);
        final int out = weight.shape().intExtent(0);
        final int kernel = weight.shape().intExtent(2);
        for (int i = 0; i < expected.length; i++) {
            final int channel = i % out;
            final int top = i / out / width * stride - padding.top();
            final int left = i / out % width * stride - padding.left();
            double exact = biases == null ? 0 : biases[channel];
            float single = (float) exact;
            for (int tap = 0; tap < kernel * kernel; tap++) {
                final int row = top + tap / kernel;
                final int column = left + tap % kernel;
                for (int c = 0; c < in && row >= 0 && row < rows && column >= 0 && column < columns; c++) {
                    final float a = pixels[(row * columns + column) * in + c];
                    final float b = taps[(channel * in + c) * kernel * kernel + tap];
                    exact += (double) a * b;
                    single += a * b;
                }
            }
            expected[i] = exact + (rests == null ? 0 : rests[i]);
            plain[i] = rests == null ? single : kind.held(single) + rests[i];
        }
    }
}
