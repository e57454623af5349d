package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class NormKernelsTest {
    private static final float EPS = 1e-6f;

    @ParameterizedTest
    @CsvSource({"BF16,5,3072", "F16,30,256", "F32,7,1024", "BF16,1,8", "BF16,3,113", "F16,1,1", "F32,2,203",
            "BF16,2,9000", "F32,1,4100", "BF16,271,64", "BF16,218,1032", "F32,433,260"})
    void testRmsNorm(final ElementType type, final int rows, final int width, final KernelDevice device) {
        final Random random = new Random(width);
        final TensorView x = device.random(random, 2, type, rows, width);
        final TensorView weight = device.random(random, 1, type, width);
        final TensorView out = device.empty(type, rows, width);
        new NormKernels(device.cuda()).rmsNorm(device.stream(), x, weight, out, EPS);
        final NormReference reference = new NormReference(type, rows, width);
        reference.rmsNorm(device.download(x), device.download(weight), EPS).require("rms_norm", device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,3072", "F16,30,256", "F32,7,1024", "BF16,1,8", "BF16,3,113", "F16,1,1", "F32,2,203",
            "BF16,2,9000", "F32,1,4100", "BF16,271,64"})
    void testLayerNorm(final ElementType type, final int rows, final int width, final KernelDevice device) {
        final Random random = new Random(width + 1);
        final TensorView x = device.random(random, 2, type, rows, width);
        final TensorView weight = device.random(random, 1, type, width);
        final TensorView bias = device.random(random, 1, type, width);
        final TensorView out = device.empty(type, rows, width);
        new NormKernels(device.cuda()).layerNorm(device.stream(), x, weight, bias, out, EPS);
        final NormReference reference = new NormReference(type, rows, width);
        reference.layerNorm(device.download(x), device.download(weight), device.download(bias), 0, EPS)
                .require("layer_norm", device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,3072", "F16,30,256", "F32,7,1024", "BF16,1,8", "BF16,3,113", "F16,1,1", "F32,2,203",
            "BF16,2,9000", "F32,1,4100", "BF16,271,64", "BF16,218,1032"})
    void testAdaLayerNorm(final ElementType type, final int rows, final int width, final KernelDevice device) {
        final Random random = new Random(width + 2);
        final TensorView x = device.random(random, 2, type, rows, width);
        final TensorView scale = device.random(random, 1, type, width);
        final TensorView shift = device.random(random, 1, type, width);
        final TensorView out = device.empty(type, rows, width);
        new NormKernels(device.cuda()).adaLayerNorm(device.stream(), x, shift, scale, out, EPS);
        final NormReference reference = new NormReference(type, rows, width);
        reference.layerNorm(device.download(x), device.download(scale), device.download(shift), 1, EPS)
                .require("ada_layer_norm", device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,3072", "F16,30,256", "F32,7,1024", "BF16,3,113", "F16,1,1", "BF16,2,9000"})
    void testGatedAdd(final ElementType type, final int rows, final int width, final KernelDevice device) {
        final Random random = new Random(width + 3);
        final TensorView residual = device.random(random, 3, type, rows, width);
        final TensorView x = device.random(random, 2, type, rows, width);
        final TensorView gate = device.random(random, 1, type, width);
        final TensorView sum = device.empty(type, rows, width);
        new NormKernels(device.cuda()).gatedAdd(device.stream(), residual, x, gate, sum);
        new NormReference(type, rows, width)
                .gatedAdd(device.download(residual), device.download(x), device.download(gate))
                .require("gated_add", device.download(sum));
    }

    @ParameterizedTest
    @CsvSource({"BF16,5,3072", "F16,30,256", "F32,7,1024", "BF16,1,8", "BF16,3,113", "F16,1,1", "BF16,2,9000",
            "F32,1,4100", "BF16,271,64"})
    void testGatedAddAdaLayerNorm(final ElementType type, final int rows, final int width,
            final KernelDevice device) {
        final Random random = new Random(width + 4);
        final TensorView residual = device.random(random, 3, type, rows, width);
        final TensorView x = device.random(random, 2, type, rows, width);
        final TensorView gate = device.random(random, 1, type, width);
        final TensorView shift = device.random(random, 1, type, width);
        final TensorView scale = device.random(random, 1, type, width);
        final TensorView sum = device.empty(type, rows, width);
        final TensorView out = device.empty(type, rows, width);
        final NormKernels kernels = new NormKernels(device.cuda());
        kernels.gatedAddAdaLayerNorm(device.stream(),
                List.of(new NormKernels.Span(residual, x, gate, shift, scale, sum, out)), EPS);
        final NormReference reference = new NormReference(type, rows, width);
        reference.gatedAdd(device.download(residual), device.download(x), device.download(gate))
                .require("sum", device.download(sum));
        // The norm is that of the sum as it was stored, as in the composition of two kernels.
        reference.layerNorm(device.download(sum), device.download(scale), device.download(shift), 1, EPS)
                .require("gated_add_ada_layer_norm", device.download(out));
    }

    /** Two streams, one of them with rows of two times, as long as blocks are or longer; one span is empty. */
    @ParameterizedTest
    @CsvSource({"BF16,256,3,30,0,1", "BF16,64,300,1,7,271", "F32,113,5,2,9,4"})
    void testSpansHaveOperandsOfTheirOwn(final ElementType type, final int width, final int first, final int second,
            final int third, final int fourth, final KernelDevice device) {
        final Random random = new Random(width + 5);
        final List<NormKernels.Span> spans = new ArrayList<>();
        for (final int rows : new int[] {first, second, third, fourth}) {
            spans.add(new NormKernels.Span(device.random(random, 3, type, rows, width),
                    device.random(random, 2, type, rows, width), device.random(random, 1, type, width),
                    device.random(random, 1, type, width), device.random(random, 1, type, width),
                    device.empty(type, rows, width), device.empty(type, rows, width)));
        }
        new NormKernels(device.cuda()).gatedAddAdaLayerNorm(device.stream(), spans, EPS);
        for (final NormKernels.Span span : spans) {
            final int rows = (int) span.x().size(0);
            if (rows > 0) {
                final NormReference reference = new NormReference(type, rows, width);
                reference.gatedAdd(device.download(span.residual()), device.download(span.x()),
                        device.download(span.gate())).require("sum", device.download(span.sum()));
                reference.layerNorm(device.download(span.sum()), device.download(span.scale()),
                        device.download(span.shift()), 1, EPS).require("normed", device.download(span.out()));
            }
        }
    }

    @Test
    void testSpansThatDoNotFitAreRefused(final KernelDevice device) {
        final NormKernels kernels = new NormKernels(device.cuda());
        final TensorView rows = device.zeros(ElementType.BF16, 2, 64);
        final TensorView vector = device.zeros(ElementType.BF16, 64);
        final TensorView wide = device.zeros(ElementType.BF16, 2, 128);
        final TensorView wideVector = device.zeros(ElementType.BF16, 128);
        final NormKernels.Span span = new NormKernels.Span(rows, rows, vector, vector, vector, rows, rows);
        final NormKernels.Span wider =
                new NormKernels.Span(wide, wide, wideVector, wideVector, wideVector, wide, wide);
        final NormKernels.Span longer = new NormKernels.Span(rows, rows.slice(0, 0, 1), vector, vector, vector, rows,
                rows);
        assertThrows(IllegalArgumentException.class,
                () -> kernels.gatedAddAdaLayerNorm(device.stream(), List.of(), EPS));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.gatedAddAdaLayerNorm(device.stream(), Collections.nCopies(9, span), EPS));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.gatedAddAdaLayerNorm(device.stream(), List.of(span, wider), EPS));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.gatedAddAdaLayerNorm(device.stream(), List.of(longer), EPS));
    }

    @Test
    void testRowsThatLieApart(final KernelDevice device) {
        final Random random = new Random(5);
        final TensorView whole = device.random(random, 2, ElementType.BF16, 6, 640);
        final TensorView weight = device.random(random, 1, ElementType.BF16, 128);
        final TensorView out = device.empty(ElementType.BF16, 6, 128);
        for (final int from : new int[] {0, 256, 3}) {
            final TensorView x = whole.slice(1, from, from + 128);
            new NormKernels(device.cuda()).rmsNorm(device.stream(), x, weight, out, EPS);
            new NormReference(ElementType.BF16, 6, 128)
                    .rmsNorm(device.download(x), device.download(weight), EPS).require("x", device.download(out));
        }
    }

    @Test
    void testResultInPlace(final KernelDevice device) {
        final Random random = new Random(6);
        final TensorView x = device.random(random, 2, ElementType.BF16, 40, 192);
        final TensorView weight = device.random(random, 1, ElementType.BF16, 192);
        final NormReference exact = new NormReference(ElementType.BF16, 40, 192)
                .rmsNorm(device.download(x), device.download(weight), EPS);
        new NormKernels(device.cuda()).rmsNorm(device.stream(), x, weight, x, EPS);
        exact.require("in place", device.download(x));
    }

    /**
     * A mean a thousand times the deviation: the difference of mean squares would be wrong by some hundredths;
     * sums in single precision put the mean some 1e-4 aside.
     */
    @Test
    void testLargeMeanCostsFewDigits(final KernelDevice device) {
        final Random random = new Random(7);
        final float[] values = new float[3 * 512];
        for (int i = 0; i < values.length; i++) {
            values[i] = 1000 + (float) random.nextGaussian();
        }
        final TensorView x = device.upload(values, ElementType.F32, 3, 512);
        final TensorView weight = device.random(random, 1, ElementType.F32, 512);
        final TensorView bias = device.random(random, 1, ElementType.F32, 512);
        final TensorView out = device.empty(ElementType.F32, 3, 512);
        new NormKernels(device.cuda()).layerNorm(device.stream(), x, weight, bias, out, EPS);
        new NormReference(ElementType.F32, 3, 512)
                .layerNorm(device.download(x), device.download(weight), device.download(bias), 0, EPS)
                .requireWithin(5e-4, device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,1e18", "BF16,1e-18", "F16,60000", "F32,1e18"})
    void testLargeAndSmallMagnitudes(final ElementType type, final float magnitude, final KernelDevice device) {
        final Random random = new Random(8);
        final TensorView x = device.random(random, magnitude / 4, type, 3, 200);
        final TensorView weight = device.random(random, 1, type, 200);
        final TensorView out = device.empty(type, 3, 200);
        new NormKernels(device.cuda()).rmsNorm(device.stream(), x, weight, out, EPS);
        new NormReference(type, 3, 200).rmsNorm(device.download(x), device.download(weight), EPS)
                .require("magnitude", device.download(out));
    }

    /** A row that holds a NaN is NaN throughout, and its neighbours are as ever. */
    @Test
    void testNotANumberStaysInItsRow(final KernelDevice device) {
        final Random random = new Random(9);
        final float[] values = new float[3 * 64];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        values[64 + 13] = Float.NaN;
        final TensorView x = device.upload(values, ElementType.BF16, 3, 64);
        final TensorView weight = device.random(random, 1, ElementType.BF16, 64);
        final TensorView out = device.empty(ElementType.BF16, 3, 64);
        new NormKernels(device.cuda()).rmsNorm(device.stream(), x, weight, out, EPS);
        final float[] result = device.download(out);
        for (int i = 0; i < result.length; i++) {
            assertTrue(Float.isNaN(result[i]) == (i / 64 == 1), "element " + i + " is " + result[i]);
        }
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final NormKernels kernels = new NormKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 2, 64);
        final TensorView narrow = device.zeros(ElementType.BF16, 63);
        final TensorView other = device.zeros(ElementType.F32, 64);
        assertThrows(IllegalArgumentException.class, () -> kernels.rmsNorm(device.stream(), x, narrow, x, EPS));
        assertThrows(IllegalArgumentException.class, () -> kernels.rmsNorm(device.stream(), x, other, x, EPS));
        assertThrows(IllegalArgumentException.class,
                () -> kernels.rmsNorm(device.stream(), x.reshape(128), other, x, EPS));
        assertThrows(IllegalArgumentException.class, () -> kernels.rmsNorm(device.stream(), x.slice(1, 0, 32),
                device.zeros(ElementType.BF16, 32), x.slice(1, 0, 32), EPS));
    }
}
