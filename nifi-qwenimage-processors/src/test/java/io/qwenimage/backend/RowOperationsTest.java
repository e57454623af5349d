package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.function.BiFunction;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class RowOperationsTest {
    private static final double EPSILON = 3e-6;
    private static final float NORM_EPSILON = 1e-6f;

    private static int[][] shapes(final Backends.Named kind) {
        return new int[][] {{kind.few(113), 203}, {1, 3072}, {37, 16}, {65, 1}};
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void adaLayerNormNormalisesThenModulates(final Backends.Named kind) {
        for (final int[] shape : shapes(kind)) {
            final Samples samples = kind.samples(shape[0]);
            final float[] x = samples.normal(30f, shape[0], shape[1]).toFloats();
            final HostTensor shift = samples.normal(1f, shape[1]);
            final HostTensor scale = samples.normal(1f, shape[1]);
            final float[] shifts = shift.toFloats();
            final float[] scales = scale.toFloats();
            check(kind, (backend, arena) -> backend.adaLayerNorm(arena, upload(backend, arena, x, shape),
                    backend.upload(arena, shift), backend.upload(arena, scale), NORM_EPSILON), x.length, i -> {
                final int row = i / shape[1] * shape[1];
                final double mean = mean(x, row, shape[1], 0, 1);
                final double variance = mean(x, row, shape[1], mean, 2);
                return (x[i] - mean) / Math.sqrt(variance + NORM_EPSILON) * (1 + scales[i % shape[1]])
                        + shifts[i % shape[1]];
            });
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void layerNormNormalisesThenScales(final Backends.Named kind) {
        for (final int[] shape : shapes(kind)) {
            final Samples samples = kind.samples(shape[0]);
            final float[] x = samples.normal(30f, shape[0], shape[1]).toFloats();
            final HostTensor weight = samples.normal(1f, shape[1]);
            final HostTensor bias = samples.normal(DType.BF16, 1f, shape[1]);
            final float[] weights = weight.toFloats();
            final float[] biases = bias.toFloats();
            check(kind, (backend, arena) -> backend.layerNorm(arena, upload(backend, arena, x, shape),
                    backend.weight(arena, weight, WeightRole.VECTOR), backend.weight(arena, bias, WeightRole.VECTOR),
                    NORM_EPSILON), x.length, i -> {
                final int row = i / shape[1] * shape[1];
                final double mean = mean(x, row, shape[1], 0, 1);
                final double variance = mean(x, row, shape[1], mean, 2);
                return (x[i] - mean) / Math.sqrt(variance + NORM_EPSILON) * weights[i % shape[1]]
                        + biases[i % shape[1]];
            });
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void storePutsRowsWhereTheyBelongAndLeavesTheOthers(final Backends.Named kind) {
        final Samples samples = kind.samples(4);
        final float[] first = samples.normal(1f, 3, 2, 5).toFloats();
        final float[] second = samples.normal(1f, 2, 2, 5).toFloats();
        check(kind, (backend, arena) -> {
            final Tensor cache = arena.allocate(backend.activationType(), Shape.of(5, 2, 5));
            backend.store(cache, 0, upload(backend, arena, first, 3, 2, 5));
            backend.store(cache, 3, upload(backend, arena, second, 2, 2, 5));
            return cache;
        }, 50, i -> i < 30 ? first[i] : second[i - 30]);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void storeColumnsPutsColumnsWhereTheyBelongAndLeavesTheOthers(final Backends.Named kind) {
        final Samples samples = kind.samples(4);
        final float[] left = samples.normal(1f, 3, 203).toFloats();
        final float[] right = samples.normal(1f, 3, 21).toFloats();
        check(kind, (backend, arena) -> {
            final Tensor matrix = arena.allocate(backend.activationType(), Shape.of(3, 224));
            backend.storeColumns(matrix, 203, upload(backend, arena, right, 3, 21));
            backend.storeColumns(matrix, 0, upload(backend, arena, left, 3, 203));
            return matrix;
        }, 3 * 224, i -> i % 224 < 203 ? left[i / 224 * 203 + i % 224] : right[i / 224 * 21 + i % 224 - 203]);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void storeColumnsRefusesWhatLiesOutside(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor matrix = arena.allocate(backend.activationType(), Shape.of(3, 8));
            final Tensor columns = arena.allocate(backend.activationType(), Shape.of(3, 4));
            assertThrows(IllegalArgumentException.class, () -> backend.storeColumns(matrix, 5, columns));
            assertThrows(IllegalArgumentException.class, () -> backend.storeColumns(matrix, 0,
                    backend.slice(columns, 0, Shape.of(2, 4))));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void rmsNormDividesByTheRootMeanSquare(final Backends.Named kind) {
        for (final int[] shape : shapes(kind)) {
            final Samples samples = kind.samples(shape[0]);
            final float[] x = samples.normal(1e6f, shape[0], shape[1]).toFloats();
            final HostTensor weight = samples.normal(DType.BF16, 1f, shape[1]);
            final float[] weights = weight.toFloats();
            check(kind, (backend, arena) -> backend.rmsNorm(arena, upload(backend, arena, x, shape),
                    backend.weight(arena, weight, WeightRole.VECTOR), NORM_EPSILON), x.length, i -> x[i]
                    / Math.sqrt(mean(x, i / shape[1] * shape[1], shape[1], 0, 2) + NORM_EPSILON)
                    * weights[i % shape[1]]);
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void channelNormScalesToTheRootOfTheChannels(final Backends.Named kind) {
        for (final Activation activation : Activation.values()) {
            final Samples samples = kind.samples(9);
            final int channels = 37;
            final float[] x = samples.normal(2f, 7, 19, channels).toFloats();
            Arrays.fill(x, 0, channels, 0f);
            final HostTensor gamma = samples.normal(1f, channels);
            final float[] gammas = gamma.toFloats();
            check(kind, (backend, arena) -> backend.channelNorm(arena,
                    upload(backend, arena, x, 7, 19, channels), backend.upload(arena, gamma), activation), x.length,
                    i -> {
                        final double norm = Math.sqrt(mean(x, i / channels * channels, channels, 0, 2) * channels);
                        return ActivationReference.apply(activation,
                                x[i] / Math.max(norm, 1e-12) * Math.sqrt(channels) * gammas[i % channels]);
                    });
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void elementsAreAddedGatedAndActivated(final Backends.Named kind) {
        final int[] shape = {113, 203};
        final Samples samples = kind.samples(2);
        final float[] a = samples.normal(5f, 113, 203).toFloats();
        final float[] b = samples.normal(5f, 113, 203).toFloats();
        final float[] gate = samples.normal(1f, 203).toFloats();
        check(kind, (backend, arena) -> backend.add(arena, upload(backend, arena, a, shape),
                upload(backend, arena, b, shape)), a.length, i -> (double) a[i] + b[i]);
        check(kind, (backend, arena) -> backend.gatedAdd(arena, upload(backend, arena, a, shape),
                upload(backend, arena, b, shape), upload(backend, arena, gate, 203)), a.length,
                i -> a[i] + (double) gate[i % 203] * b[i]);
        check(kind, (backend, arena) -> backend.swiGlu(arena, upload(backend, arena, a, shape),
                upload(backend, arena, b, shape)), a.length,
                i -> ActivationReference.apply(Activation.SILU, a[i]) * b[i]);
        for (final Activation activation : Activation.values()) {
            check(kind, (backend, arena) -> backend.activate(arena, upload(backend, arena, a, shape), activation),
                    a.length, i -> ActivationReference.apply(activation, a[i]));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void headsAreNormalisedAndRotated(final Backends.Named kind) {
        final int length = 29;
        final int heads = 3;
        final int size = 14;
        final Samples samples = kind.samples(5);
        final float[] x = samples.normal(3f, length, heads * size).toFloats();
        final float[] weight = samples.normal(1f, size).toFloats();
        final HostTensor angles = samples.normal(3f, length, size / 2);
        final float[] cosine = angles.toFloats();
        final float[] sine = angles.toFloats();
        for (int i = 0; i < cosine.length; i++) {
            sine[i] = (float) Math.sin(cosine[i]);
            cosine[i] = (float) Math.cos(cosine[i]);
        }
        for (final RotaryTable.Pairs pairs : RotaryTable.Pairs.values()) {
            check(kind, (backend, arena) -> backend.qkNormRope(arena, upload(backend, arena, x, length, heads * size),
                    heads, upload(backend, arena, weight, size), NORM_EPSILON,
                    new RotaryTable(exact(backend, arena, cosine, length, size / 2),
                            exact(backend, arena, sine, length, size / 2), pairs)), x.length, i -> {
                final int within = i % size;
                final boolean halves = pairs == RotaryTable.Pairs.HALVES;
                final int pair = halves ? within % (size / 2) : within / 2;
                final boolean second = halves ? within >= size / 2 : within % 2 == 1;
                final int partner = second ? i - (halves ? size / 2 : 1) : i + (halves ? size / 2 : 1);
                final int row = i / size * size;
                final double root = Math.sqrt(mean(x, row, size, 0, 2) + NORM_EPSILON);
                final int angle = i / (heads * size) * (size / 2) + pair;
                return x[i] / root * weight[within] * cosine[angle]
                        + (second ? 1 : -1) * x[partner] / root * weight[partner % size] * sine[angle];
            });
        }
        check(kind, (backend, arena) -> backend.qkNormRope(arena, upload(backend, arena, x, length, heads * size),
                heads, null, NORM_EPSILON, null), x.length, i -> x[i]);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void guidanceKeepsTheNormOfTheConditionalPrediction(final Backends.Named kind) {
        final int width = 64;
        final Samples samples = kind.samples(6);
        final float[] latents = samples.normal(1f, 77, width).toFloats();
        final float[] with = samples.normal(1f, 77, width).toFloats();
        final float[] without = samples.normal(1f, 77, width).toFloats();
        final float scale = 4f;
        final float dt = -0.05f;
        check(kind, (backend, arena) -> backend.guidanceStep(arena, exact(backend, arena, latents, 77, width),
                upload(backend, arena, with, 77, width), null, scale, exact(backend, arena, new float[] {dt}, 1)),
                latents.length,
                i -> latents[i] + (double) dt * with[i]);
        check(kind, (backend, arena) -> backend.guidanceStep(arena, exact(backend, arena, latents, 77, width),
                upload(backend, arena, with, 77, width), upload(backend, arena, without, 77, width), scale,
                exact(backend, arena, new float[] {dt}, 1)),
                latents.length, i -> {
                    final int row = i / width * width;
                    double wanted = 0;
                    double actual = 0;
                    for (int j = row; j < row + width; j++) {
                        final double guided = without[j] + scale * ((double) with[j] - without[j]);
                        wanted += (double) with[j] * with[j];
                        actual += guided * guided;
                    }
                    final double guided = without[i] + scale * ((double) with[i] - without[i]);
                    return latents[i] + dt * guided * Math.sqrt(wanted / actual);
                });
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void rowsAreLookedUpJoinedAndCut(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            for (final DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16, DType.F8_E4M3}) {
                final HostTensor table = kind.samples(8).normal(dtype, 1f, 5, 3);
                final float[] values = table.toFloats();
                final Tensor prepared = backend.weight(arena, table, WeightRole.EMBEDDING);
                assertArrayEquals(new float[] {values[12], values[13], values[14], values[0], values[1], values[2]},
                        backend.download(backend.embedding(arena, prepared, 4, 0)).toFloats());
                assertThrows(IllegalArgumentException.class, () -> backend.embedding(arena, prepared, 5));
                assertThrows(IllegalArgumentException.class, () -> backend.embedding(arena, prepared, -1));
            }
            final Tensor joined = backend.concat(arena, upload(backend, arena, new float[] {1, 2}, 1, 2),
                    upload(backend, arena, new float[] {3, 4, 5, 6}, 2, 2));
            assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, backend.download(joined).toFloats());
            assertArrayEquals(new float[] {4, 5},
                    backend.download(backend.slice(joined, 3, Shape.of(2))).toFloats());
            assertThrows(IllegalArgumentException.class, () -> backend.slice(joined, 5, Shape.of(2)));
        }
    }

    private static void check(final Backends.Named kind, final BiFunction<Backend, Arena, Tensor> operation,
            final int count, final IntToDoubleFunction reference) {
        final double[] expected = new double[count];
        final float[] plain = new float[count];
        double largest = 0;
        for (int i = 0; i < count; i++) {
            expected[i] = reference.applyAsDouble(i);
            plain[i] = (float) expected[i];
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor result = operation.apply(backend, arena);
            Samples.assertClose(expected, plain, backend.download(result), EPSILON * largest, result.dtype());
        }
    }

    private static Tensor upload(final Backend backend, final Arena arena, final float[] values,
            final int... shape) {
        return backend.upload(arena, host(values, shape));
    }

    private static Tensor exact(final Backend backend, final Arena arena, final float[] values, final int... shape) {
        return backend.uploadExact(arena, host(values, shape));
    }

    private static HostTensor host(final float[] values, final int... shape) {
        return HostTensor.ofFloats(Shape.of(Arrays.stream(shape).asLongStream().toArray()), values);
    }

    private static double mean(final float[] x, final int start, final int width, final double centre,
            final int power) {
        double sum = 0;
        for (int i = start; i < start + width; i++) {
            sum += power == 1 ? x[i] - centre : (x[i] - centre) * (x[i] - centre);
        }
        return sum / width;
    }
}
