package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.ElementType;
import java.util.Arrays;

/**
 * softmax(q k^T scale) v in double precision, and the same as a plain composition of operations of a type would compute
 * it: scores and softmax in single precision, probabilities and result rounded to the type. A kernel may err at most
 * twice as much as that composition, plus half a unit in the last place of the largest result.
 */
final class AttentionReference {
    private final float[] q;
    private final float[] k;
    private final float[] v;
    private final int heads;
    private final int keyHeads;
    private final int head;
    private final boolean causal;
    private final int[] queryOffsets;
    private final int[] keyOffsets;
    private final float scale;

    /**
     * @param q            [Lq, heads, head] in row-major order
     * @param k            [Lk, keyHeads, head]
     * @param v            as k
     * @param queryOffsets null for one sequence
     * @param keyOffsets   null for one sequence
     */
    AttentionReference(final float[] q, final float[] k, final float[] v, final int heads, final int keyHeads,
                       final int head, final boolean causal, final int[] queryOffsets, final int[] keyOffsets,
                       final float scale) {
        this.q = q;
        this.k = k;
        this.v = v;
        this.heads = heads;
        this.keyHeads = keyHeads;
        this.head = head;
        this.causal = causal;
        this.queryOffsets = queryOffsets != null ? queryOffsets : new int[] {0, q.length / (heads * head)};
        this.keyOffsets = keyOffsets != null ? keyOffsets : new int[] {0, k.length / (keyHeads * head)};
        this.scale = scale;
    }

    /** Fails unless [Lq, heads * head] of a type is near enough. */
    void require(final float[] actual, final ElementType type) {
        final double[] expected = compute(null);
        final double[] composed = compute(type);
        double error = 0;
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            error = Math.max(error, Math.abs(composed[i] - expected[i]));
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        final double allowed = 2 * error + largest * (type == ElementType.BF16 ? 0x1p-9 : 0x1p-12);
        if (actual.length != expected.length) {
            throw new AssertionError(actual.length + " values, expected " + expected.length);
        }
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(actual[i] - expected[i]) <= allowed)) {
                final int width = heads * head;
                throw new AssertionError("query " + i / width + ", head " + i % width / head + ", column " + i % head
                        + ": " + actual[i] + ", expected " + expected[i] + " within " + allowed);
            }
        }
    }

    /** Exactly for null, else as a composition of operations of the type. */
    private double[] compute(final ElementType type) {
        final double[] result = new double[q.length];
        for (int s = 0; s + 1 < queryOffsets.length; s++) {
            final int keys = keyOffsets[s + 1] - keyOffsets[s];
            final int hidden = queryOffsets[s + 1] - queryOffsets[s] - keys;
            for (int query = queryOffsets[s]; query < queryOffsets[s + 1]; query++) {
                final int seen = causal ? Math.clamp(query - queryOffsets[s] - hidden + 1L, 0, keys) : keys;
                for (int h = 0; h < heads; h++) {
                    row(result, (query * heads + h) * head, h / (heads / keyHeads), keyOffsets[s], seen, type);
                }
            }
        }
        return result;
    }

    private void row(final double[] result, final int at, final int keyHead, final int firstKey, final int seen,
                     final ElementType type) {
        final double[] weights = new double[seen];
        for (int key = 0; key < seen; key++) {
            final int other = ((firstKey + key) * keyHeads + keyHead) * head;
            for (int d = 0; d < head; d++) {
                weights[key] += (double) q[at + d] * k[other + d];
            }
            weights[key] = type == null ? weights[key] * scale : (float) weights[key] * scale;
        }
        final double largest = Arrays.stream(weights).max().orElse(0);
        double sum = 0;
        for (int key = 0; key < seen; key++) {
            weights[key] = Math.exp(weights[key] - largest);
            sum += weights[key];
        }
        for (int key = 0; key < seen; key++) {
            final double weight = type == null ? weights[key] / sum
                    : KernelDevice.round((float) (weights[key] / sum), type);
            final int other = ((firstKey + key) * keyHeads + keyHead) * head;
            for (int d = 0; d < head; d++) {
                result[at + d] += weight * v[other + d];
            }
        }
        for (int d = 0; type != null && d < head; d++) {
            result[at + d] = KernelDevice.round((float) result[at + d], type);
        }
    }
}
