package io.qwenimage.backend;

import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.List;

/**
 * A stream after a gated sum, and what the next layer reads of it.
 *
 * @param sum    residual + gate * x, [L, D]
 * @param normed the sum's layer norm, modulated: (sum - mean) / sqrt(var + eps) (1 + scale) + shift, [L, D]
 */
public record GatedNorm(Tensor sum, Tensor normed) {
    /**
     * Tokens that get one gate, shift and scale.
     *
     * @param rows  how many, at least one
     * @param gate  [D]
     * @param shift [D]
     * @param scale [D]
     */
    public record Span(long rows, Tensor gate, Tensor shift, Tensor scale) {
    }

    /**
     * One stream before the sum.
     *
     * @param residual [L, D]
     * @param x        [L, D]
     * @param spans    of all rows, one after the other
     */
    public record Stream(Tensor residual, Tensor x, List<Span> spans) {
        /** Checks that the spans cover the rows. */
        public Stream {
            Require.rank(residual, 2, "residual");
            Require.that(residual.shape().equals(x.shape()), "residual %s does not fit x %s", residual, x);
            Require.that(spans.stream().allMatch(span -> span.rows() > 0)
                    && spans.stream().mapToLong(Span::rows).sum() == x.shape().extent(0),
                    "spans of %s rows do not cover x %s", spans.stream().map(Span::rows).toList(), x);
            spans = List.copyOf(spans);
        }
    }

    /** By the operations that {@link Backend#gatedAddAdaLayerNorm} stands for. */
    static GatedNorm composed(final Backend backend, final Arena arena, final Stream stream, final float eps) {
        final long width = stream.x().shape().extent(1);
        final Tensor[] sums = new Tensor[stream.spans().size()];
        final Tensor[] normed = new Tensor[sums.length];
        long row = 0;
        for (int i = 0; i < sums.length; i++) {
            final Span span = stream.spans().get(i);
            final Shape shape = Shape.of(span.rows(), width);
            sums[i] = backend.gatedAdd(arena, backend.slice(stream.residual(), row * width, shape),
                    backend.slice(stream.x(), row * width, shape), span.gate());
            normed[i] = backend.adaLayerNorm(arena, sums[i], span.shift(), span.scale(), eps);
            row += span.rows();
        }
        return sums.length == 1 ? new GatedNorm(sums[0], normed[0])
                : new GatedNorm(backend.concat(arena, sums), backend.concat(arena, normed));
    }
}
