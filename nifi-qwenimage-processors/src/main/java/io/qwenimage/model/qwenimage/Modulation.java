package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.GatedNorm;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/** The shift, scale and gate that a time gives to the two halves of a block: {@code img_mod}, {@code txt_mod}. */
record Modulation(Linear linear) {
    /** Values of a time in multiples of the width: shift, scale and gate of attention, then of the feed-forward layer. */
    static final int VECTORS = 6;
    private static final int VECTORS_OF_A_HALF = 3;

    static Modulation load(final ModuleScope scope, final int width) {
        return new Modulation(Linear.load(scope.sub(1), width, VECTORS * width)); // entry 0 is the SiLU
    }

    /** silu(temb), [times, D], to [times, 6 D]. */
    Tensor forward(final Arena arena, final Tensor activated) {
        return linear.forward(arena, activated);
    }

    /**
     * What a stream gets in a block.
     *
     * @param attention   before and after attention
     * @param feedForward before and after the feed-forward layer
     */
    record Halves(Half attention, Half feedForward) {
        /**
         * Reads them.
         *
         * @param spans the stream's tokens by their time
         * @param place of the first of the {@value #VECTORS} vectors among the values of a time
         * @param width D
         */
        static Halves of(final Backend backend, final List<TimeSpan> spans, final long place, final int width) {
            return new Halves(half(backend, spans, place, width),
                    half(backend, spans, place + (long) VECTORS_OF_A_HALF * width, width));
        }

        /** A stream after attention: its gated sum, and the norm before the feed-forward layer. */
        GatedNorm.Stream afterAttention(final Tensor tokens, final Tensor attended) {
            return attention.then(feedForward.norm(), tokens, attended);
        }

        /** A stream after the feed-forward layer: its gated sum, and the norm that follows the block. */
        GatedNorm.Stream afterFeedForward(final Tensor tokens, final Tensor result, final Norm next) {
            return feedForward.then(next, tokens, result);
        }

        private static Half half(final Backend backend, final List<TimeSpan> spans, final long place, final int width) {
            final Shape shape = Shape.of(width);
            return new Half(new Norm(backend, spans.stream().map(span -> new Part(span.rows(),
                    backend.slice(span.modulation(), place, shape),
                    backend.slice(span.modulation(), place + width, shape))).toList()),
                    spans.stream().map(span -> backend.slice(span.modulation(), place + 2L * width, shape)).toList());
        }
    }

    /**
     * What a stream gets in one half of a block.
     *
     * @param norm  before the layer
     * @param gates after it, for each span of tokens, [D]
     */
    record Half(Norm norm, List<Tensor> gates) {
        /**
         * What comes of a stream when the layer's result is added, and what the norm of the next half makes of it.
         *
         * @param tokens [L, D]
         * @param layer  its result, [L, D]
         */
        GatedNorm.Stream then(final Norm next, final Tensor tokens, final Tensor layer) {
            return new GatedNorm.Stream(tokens, layer, IntStream.range(0, gates.size()).mapToObj(i ->
                    new GatedNorm.Span(next.parts().get(i).rows(), gates.get(i), next.parts().get(i).shift(),
                            next.parts().get(i).scale())).toList());
        }
    }

    /** What some tokens of a stream get, each [D]. */
    record Part(long rows, Tensor shift, Tensor scale) {
    }

    /** A modulated norm of a stream; tokens of different times follow one another. */
    record Norm(Backend backend, List<Part> parts) {
        /** Normalises, scales and shifts: [L, D] to [L, D]. */
        Tensor forward(final Arena arena, final Tensor x) {
            final long width = x.shape().extent(-1);
            final Tensor[] results = new Tensor[parts.size()];
            long row = 0;
            for (int i = 0; i < results.length; i++) {
                final Part part = parts.get(i);
                results[i] = backend.adaLayerNorm(arena, backend.slice(x, row * width, Shape.of(part.rows(), width)),
                        part.shift(), part.scale(), QwenImageConfig.NORM_EPS);
                row += part.rows();
            }
            return results.length == 1 ? results[0] : backend.concat(arena, results); // [L, D]
        }
    }
}
