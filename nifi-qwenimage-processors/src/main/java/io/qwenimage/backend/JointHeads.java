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
     * One stream's projections and what its queries and keys get.
     *
     * @param query     [tokens, H D]
     * @param key       the same
     * @param value     the same
     * @param queryNorm [D]
     * @param keyNorm   [D]
     * @param rotary    a row for each token
     */
    public record Stream(Tensor query, Tensor key, Tensor value, Tensor queryNorm, Tensor keyNorm,
            RotaryTable rotary) {
    }

    /** By the operations that {@link Backend#jointHeads} stands for. */
    static JointHeads composed(final Backend backend, final Arena arena, final Stream first, final Stream second,
            final int heads, final float eps, final JointSequences sequences) {
        final Tensor query = sequences.join(backend, arena,
                backend.qkNormRope(arena, first.query(), heads, first.queryNorm(), eps, first.rotary()),
                backend.qkNormRope(arena, second.query(), heads, second.queryNorm(), eps, second.rotary()));
        final Tensor key = sequences.join(backend, arena,
                backend.qkNormRope(arena, first.key(), heads, first.keyNorm(), eps, first.rotary()),
                backend.qkNormRope(arena, second.key(), heads, second.keyNorm(), eps, second.rotary()));
        final Tensor value = sequences.join(backend, arena, first.value(), second.value());
        final long width = value.shape().extent(-1);
        return new JointHeads(query, key, backend.slice(value, 0,
                Shape.of(value.shape().extent(0), heads, width / heads)));
    }
}
