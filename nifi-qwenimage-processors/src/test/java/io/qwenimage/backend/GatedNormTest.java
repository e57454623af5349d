package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class GatedNormTest {
    private static final float EPS = 1e-6f;

    /** Rows of the spans of each stream: one time, several times, more spans than a launch takes. */
    private static final List<int[][]> CASES = List.of(new int[][] {{5}}, new int[][] {{3, 4, 3, 4}, {7}},
            new int[][] {{1, 2, 1, 2, 1}, {3, 1, 1, 1, 2}, {1}});

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void equalTheSumsAndNormsThatTheyAreComposedOf(final Backends.Named kind) {
        for (final int[][] streams : CASES) {
            final int width = streams.length == 2 ? 64 : 37;
            final List<HostTensor> expected = computed(new ReferenceBackend(), streams, width);
            final List<HostTensor> actual = computed(kind.open(), streams, width);
            assertEquals(2 * streams.length, actual.size());
            for (int i = 0; i < actual.size(); i++) {
                kind.assertClose("result " + i, expected.get(i), actual.get(i), 1e-5);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void spansThatDoNotCoverTheRowsAreRefused(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor x = backend.upload(arena, HostTensor.ofFloats(Shape.of(2, 2), 1, 2, 3, 4));
            final Tensor vector = backend.upload(arena, HostTensor.ofFloats(Shape.of(2), 1, 2));
            final GatedNorm.Span span = new GatedNorm.Span(1, vector, vector, vector);
            assertThrows(IllegalArgumentException.class, () -> new GatedNorm.Stream(x, x, List.of(span)));
            assertThrows(IllegalArgumentException.class, () -> backend.gatedAddAdaLayerNorm(arena, EPS,
                    new GatedNorm.Stream(x, x, List.of(span, new GatedNorm.Span(1, x, vector, vector)))));
        }
    }

    /** Sum and norm of each stream; the backend is closed. */
    private static List<HostTensor> computed(final Backend opened, final int[][] streams, final int width) {
        final Samples samples = new Samples(width);
        try (Backend backend = opened; Arena arena = backend.openArena("test")) {
            final List<GatedNorm.Stream> given = new ArrayList<>();
            for (final int[] spans : streams) {
                final List<GatedNorm.Span> parts = new ArrayList<>();
                int rows = 0;
                for (final int count : spans) {
                    rows += count;
                    parts.add(new GatedNorm.Span(count, backend.upload(arena, samples.normal(1f, width)),
                            backend.upload(arena, samples.normal(1f, width)),
                            backend.upload(arena, samples.normal(1f, width))));
                }
                given.add(new GatedNorm.Stream(backend.upload(arena, samples.normal(3f, rows, width)),
                        backend.upload(arena, samples.normal(1f, rows, width)), parts));
            }
            final List<HostTensor> results = new ArrayList<>();
            for (final GatedNorm result : backend.gatedAddAdaLayerNorm(arena, EPS,
                    given.toArray(GatedNorm.Stream[]::new))) {
                results.add(backend.download(result.sum()));
                results.add(backend.download(result.normed()));
            }
            return results;
        }
    }
}
