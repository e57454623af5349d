package io.qwenimage.backend;

import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * What joint attention reads.
 *
 * @param query [L, H, D], in the order of {@link JointSequences}
 * @param key   the same
 * @param value the same
 */
public record JointHeads(Tensor query, Tensor key, Tensor value) {
    /**
     * A linear layer from tokens to heads.
     *
     * @param weight [H D, width], role {@link WeightRole#LINEAR}
     * @param bias   [H D] or null
     */
    public record Projection(Tensor weight, Tensor bias) {
        private Tensor of(final Backend backend, final Arena arena, final Tensor tokens) {
            return backend.linear(arena, tokens, weight, bias, Activation.NONE, null);
        }
    }

    /**
     * One stream's tokens, their projections, and what queries and keys get.
     *
     * @param tokens    [tokens, width]
     * @param queryNorm [D]
     * @param keyNorm   [D]
     * @param rotary    a row for each token
     */
    public record Stream(Tensor tokens, Projection query, Projection key, Projection value, Tensor queryNorm,
            Tensor keyNorm, RotaryTable rotary) {
    }

    /** By the operations that {@link Backend#jointHeads} stands for. */
    static JointHeads composed(final Backend backend, final Arena arena, final Stream first, final Stream second,
            final int heads, final float eps, final JointSequences sequences) {
        final Tensor query = sequences.join(backend, arena,
                heads(backend, arena, first, first.query(), heads, first.queryNorm(), eps),
                heads(backend, arena, second, second.query(), heads, second.queryNorm(), eps));
        final Tensor key = sequences.join(backend, arena,
                heads(backend, arena, first, first.key(), heads, first.keyNorm(), eps),
                heads(backend, arena, second, second.key(), heads, second.keyNorm(), eps));
        final Tensor value = sequences.join(backend, arena, first.value().of(backend, arena, first.tokens()),
                second.value().of(backend, arena, second.tokens()));
        final long width = value.shape().extent(-1);
        return new JointHeads(query, key, backend.slice(value, 0,
                Shape.of(value.shape().extent(0), heads, width / heads)));
    }

    private static Tensor heads(final Backend backend, final Arena arena, final Stream stream,
            final Projection projection, final int heads, final Tensor norm, final float eps) {
        return backend.qkNormRope(arena, projection.of(backend, arena, stream.tokens()), heads, norm, eps,
                stream.rotary());
    }
}
