package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class AttentionTest {
    private static final double SPLIT_SHARE = 1e-4;

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void mixesAllValuesInJointAttention(final Backends.Named kind) {
        check(kind, 113, 203, 3, 3, 32, 1f, AttentionPattern.FULL);
        check(kind, 1, 1, 2, 2, 16, 1f, AttentionPattern.FULL);
        check(kind, kind.few(300), kind.few(1023), 2, 2, 128, 1f, AttentionPattern.FULL);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void seesNoLaterKeyInCausalAttentionWithGroupedHeads(final Backends.Named kind) {
        check(kind, 203, 203, 6, 2, 32, 1f, AttentionPattern.CAUSAL);
        check(kind, 1, 77, 4, 1, 64, 1f, AttentionPattern.CAUSAL);
        check(kind, 20, 150, 4, 2, 16, 1f, AttentionPattern.CAUSAL);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void staysWithinItsSequence(final Backends.Named kind) {
        check(kind, 100, 100, 2, 2, 24, 1f, AttentionPattern.within(new int[] {0, 1, 40, 40, 100}));
        check(kind, 50, 90, 2, 1, 16, 1f,
                new AttentionPattern(true, new int[] {0, 20, 50}, new int[] {0, 45, 90}));
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void standsLargeScores(final Backends.Named kind) {
        check(kind, 40, 60, 2, 2, 32, 12f, AttentionPattern.FULL);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void refusesQueriesWithoutKeys(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Samples samples = new Samples(1);
            final Tensor q = backend.upload(arena, samples.normal(1f, 5, 2, 16));
            final Tensor k = backend.upload(arena, samples.normal(1f, 4, 2, 16));
            assertThrows(IllegalArgumentException.class,
                    () -> backend.attention(arena, q, k, k, AttentionPattern.CAUSAL, 1f));
        }
    }

    private static void check(final Backends.Named kind, final int queries, final int keys, final int heads,
            final int keyHeads, final int size, final float spread, final AttentionPattern pattern) {
        final Samples samples = kind.samples(queries + keys);
        final HostTensor q = samples.normal(spread, queries, heads, size);
        final HostTensor k = samples.normal(1f, keys, keyHeads, size);
        final HostTensor v = samples.normal(1f, keys, keyHeads, size);
        final float scale = (float) (1 / Math.sqrt(size));
        final double[] expected = new double[queries * heads * size];
        final float[] plain = new float[expected.length];
        reference(kind, q, k, v, pattern, scale, expected, plain);
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test")) {
            final Tensor result = backend.attention(arena, backend.upload(arena, q), backend.upload(arena, k),
                    backend.upload(arena, v), pattern, scale);
            kind.assertClose(expected, plain, backend.download(result), SPLIT_SHARE * Samples.rms(expected));
        }
    }

    private static void reference(final Backends.Named kind, final HostTensor q, final HostTensor k,
            final HostTensor v, final AttentionPattern pattern, final float scale, final double[] expected,
            final float[] plain) {
        final int queries = q.shape().intExtent(0);
        final int keys = k.shape().intExtent(0);
        final int heads = q.shape().intExtent(1);
        final int group = heads / k.shape().intExtent(1);
        final int size = q.shape().intExtent(2);
        final float[] qs = q.toFloats();
        final float[] ks = k.toFloats();
        final float[] vs = v.toFloats();
        final int[] queryOffsets = pattern.queryOffsets() == null ? new int[] {0, queries} : pattern.queryOffsets();
        final int[] keyOffsets = pattern.keyOffsets() == null ? new int[] {0, keys} : pattern.keyOffsets();
        for (int s = 0; s + 1 < queryOffsets.length; s++) {
            final int behind = keyOffsets[s + 1] - keyOffsets[s] - (queryOffsets[s + 1] - queryOffsets[s]);
            for (int i = queryOffsets[s]; i < queryOffsets[s + 1]; i++) {
                final int end = pattern.causal() ? keyOffsets[s] + i - queryOffsets[s] + behind + 1
                        : keyOffsets[s + 1];
                for (int h = 0; h < heads; h++) {
                    row(kind, qs, ks, vs, (i * heads + h) * size, keyOffsets[s], end, h / group, heads / group, size,
                            scale, expected, plain);
                }
            }
        }
    }

    /** The plain computation multiplies values by weights that are held as activations. */
    private static void row(final Backends.Named kind, final float[] q, final float[] k, final float[] v, final int at,
            final int firstKey, final int endKey, final int head, final int heads, final int size, final float scale,
            final double[] expected, final float[] plain) {
        final double[] scores = new double[endKey - firstKey];
        double largest = Double.NEGATIVE_INFINITY;
        for (int j = firstKey; j < endKey; j++) {
            for (int d = 0; d < size; d++) {
                scores[j - firstKey] += (double) q[at + d] * k[(j * heads + head) * size + d];
            }
            scores[j - firstKey] *= scale;
            largest = Math.max(largest, scores[j - firstKey]);
        }
        double total = 0;
        for (int j = 0; j < scores.length; j++) {
            scores[j] = Math.exp(scores[j] - largest);
            total += scores[j];
        }
        for (int d = 0; d < size; d++) {
            double exact = 0;
            float single = 0;
            for (int j = 0; j < scores.length; j++) {
                exact += scores[j] / total * v[((firstKey + j) * heads + head) * size + d];
                single += kind.held((float) (scores[j] / total)) * v[((firstKey + j) * heads + head) * size + d];
            }
            expected[at + d] = exact;
            plain[at + d] = single;
        }
    }
}
