package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
class LinearTest {
    // Two BF16 parts hold 16 bits of an activation; sums of products of random signs stay within this share.
    private static final double SPLIT_SHARE = 4e-5;

    static List<Arguments> shapesAndTypes() {
        final List<Arguments> cases = new ArrayList<>();
        for (final Backends.Named backend : Backends.all()) {
            for (final DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16, DType.F8_E4M3}) {
                for (final int[] shape : new int[][] {{113, 203, 77}, {1, 1024, 1100}, {1023, 32, 64}, {7, 1, 1},
                        {300, 3072, 48}, {2, 4100, 16}, {1, 16, 4}, {1, 48, 3}, {1, 3584, 1027}, {1, 40, 130}}) {
                    cases.add(Arguments.of(backend, dtype, backend.few(shape[0]), shape[1], backend.few(shape[2])));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("shapesAndTypes")
    void equalsTheSumOfProducts(final Backends.Named kind, final DType dtype, final int rows, final int inner,
            final int columns) {
        final Samples samples = kind.samples(rows + inner);
        check(kind, samples.normal(1f, rows, inner), samples.normal(dtype, 0.1f, columns, inner), null,
                Activation.NONE, null);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void addsBiasBeforeAndResidualAfterTheActivation(final Backends.Named kind) {
        final Samples samples = kind.samples(3);
        final int rows = kind.few(300);
        final int columns = kind.few(1030);
        for (final Activation activation : Activation.values()) {
            for (final DType dtype : new DType[] {DType.F32, DType.BF16}) {
                check(kind, samples.normal(1f, rows, 130), samples.normal(dtype, 0.2f, columns, 130),
                        samples.normal(1f, columns), activation, samples.normal(1f, rows, columns));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void oneRowHasBiasActivationAndResidual(final Backends.Named kind) {
        final Samples samples = kind.samples(5);
        final int columns = kind.few(1031);
        for (final Activation activation : Activation.values()) {
            check(kind, samples.normal(1f, 1, 160), samples.normal(DType.BF16, 0.2f, columns, 160),
                    samples.normal(1f, columns), activation, samples.normal(1f, 1, columns));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void weightsInPartsAreOneWeight(final Backends.Named kind) {
        final Samples samples = kind.samples(6);
        final int first = kind.few(1024);
        final int second = kind.few(1076);
        for (final DType dtype : new DType[] {DType.F32, DType.BF16}) {
            final HostTensor whole = samples.normal(dtype, 0.2f, first + second, 32);
            final HostTensor parts = HostTensor.ofParts(List.of(rows(whole, 0, first), rows(whole, first, second)));
            final HostTensor x = samples.normal(1f, 5, 32);
            try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
                final Tensor input = backend.upload(arena, x);
                assertEquals(backend.download(backend.linear(arena, input,
                        backend.weight(arena, whole, WeightRole.LINEAR), null, Activation.NONE, null)).bytes(),
                        backend.download(backend.linear(arena, input,
                                backend.weight(arena, parts, WeightRole.LINEAR), null, Activation.NONE, null)).bytes());
                assertEquals(backend.download(backend.embedding(arena,
                        backend.weight(arena, whole, WeightRole.EMBEDDING), 3, first + second - 1,
                                first)).bytes(),
                        backend.download(backend.embedding(arena,
                                backend.weight(arena, parts, WeightRole.EMBEDDING), 3, first + second - 1,
                                first)).bytes());
            }
        }
    }

    private static HostTensor rows(final HostTensor whole, final int first, final int count) {
        final int rowBytes = whole.shape().intExtent(1) * whole.dtype().bytes();
        return new HostTensor(Shape.of(count, whole.shape().extent(1)), whole.dtype(),
                whole.bytes().slice(first * rowBytes, count * rowBytes));
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void keepsItsAccuracyForLargeAndSmallMagnitudes(final Backends.Named kind) {
        final Samples samples = kind.samples(4);
        check(kind, samples.normal(7e9f, 33, 70), samples.normal(DType.BF16, 1f, 40, 70), null, Activation.NONE, null);
        check(kind, samples.normal(1e-20f, 33, 70), samples.normal(DType.BF16, 1f, 40, 70), null, Activation.NONE,
                null);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void doesNotHideNotANumber(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final float[] values = new float[64];
            values[37] = Float.NaN;
            final Tensor x = backend.upload(arena, HostTensor.ofFloats(Shape.of(2, 32), values));
            final Tensor weight = backend.weight(arena, new Samples(1).normal(DType.BF16, 1f, 16, 32),
                    WeightRole.LINEAR);
            final float[] result =
                    backend.download(backend.linear(arena, x, weight, null, Activation.NONE, null)).toFloats();
            assertTrue(Float.isFinite(result[0]) && Float.isNaN(result[16]), "NaN must stay in its row and be seen");
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void refusesShapesThatDoNotFit(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Samples samples = new Samples(1);
            final Tensor x = backend.upload(arena, samples.normal(1f, 2, 31));
            final Tensor weight = backend.weight(arena, samples.normal(1f, 16, 32), WeightRole.LINEAR);
            final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                    () -> backend.linear(arena, x, weight, null, Activation.NONE, null));
            assertTrue(refusal.getMessage().contains("[2, 31]") && refusal.getMessage().contains("[16, 32]"),
                    refusal.getMessage());
        }
    }

    private static void check(final Backends.Named kind, final HostTensor x, final HostTensor weight,
            final HostTensor bias, final Activation activation, final HostTensor residual) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor result = backend.linear(arena, backend.upload(arena, x),
                    backend.weight(arena, weight, WeightRole.LINEAR),
                    bias == null ? null : backend.weight(arena, bias, WeightRole.VECTOR), activation,
                    residual == null ? null : backend.upload(arena, residual));
            final int rows = x.shape().intExtent(0);
            final int columns = weight.shape().intExtent(0);
            final double[] expected = new double[rows * columns];
            final float[] plain = new float[expected.length];
            reference(kind, x, weight, bias, activation, residual, expected, plain);
            kind.assertClose(expected, plain, backend.download(result), SPLIT_SHARE * Samples.rms(expected));
        }
    }

    /** The plain computation stores the sum before it goes on, unless nothing follows. */
    private static void reference(final Backends.Named kind, final HostTensor x, final HostTensor weight,
            final HostTensor bias, final Activation activation, final HostTensor residual, final double[] expected,
            final float[] plain) {
        final float[] a = x.toFloats();
        final float[] b = weight.toFloats();
        final float[] biases = bias == null ? null : bias.toFloats();
        final float[] rests = residual == null ? null : residual.toFloats();
        final int inner = x.shape().intExtent(1);
        final int columns = weight.shape().intExtent(0);
        for (int i = 0; i < expected.length; i++) {
            final int row = i / columns;
            final int column = i % columns;
            double exact = bias == null ? 0 : biases[column];
            float single = (float) exact;
            for (int k = 0; k < inner; k++) {
                exact += (double) a[row * inner + k] * b[column * inner + k];
                single += a[row * inner + k] * b[column * inner + k];
            }
            final double rest = residual == null ? 0 : rests[i];
            expected[i] = ActivationReference.apply(activation, exact) + rest;
            final boolean goesOn = activation != Activation.NONE || residual != null;
            plain[i] = (float) ActivationReference.apply(activation, goesOn ? kind.held(single) : single)
                    + (float) rest;
        }
    }
}
