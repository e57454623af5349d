package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.List;

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

        private static Half half(final Backend backend, final List<TimeSpan> spans, final long place, final int width) {
            final Shape shape = Shape.of(width);
            return new Half(backend, spans.stream().map(span -> new Part(span.rows(),
                    backend.slice(span.modulation(), place, shape),
                    backend.slice(span.modulation(), place + width, shape),
                    backend.slice(span.modulation(), place + 2L * width, shape))).toList());
        }
    }

    /** What some tokens of a stream get in one half of a block, each [D]. */
    record Part(long rows, Tensor shift, Tensor scale, Tensor gate) {
    }

    /** What a stream gets in one half of a block; tokens of different times follow one another. */
    record Half(Backend backend, List<Part> parts) {
        /** Normalises, scales and shifts: [L, D] to [L, D]. */
        Tensor normed(final Arena arena, final Tensor x) {
            return byPart(arena, (part, first) -> backend.adaLayerNorm(arena, rows(x, part, first), part.shift(),
                    part.scale(), QwenImageConfig.NORM_EPS));
        }

        /** residual + gate x: [L, D]. */
        Tensor gatedAdd(final Arena arena, final Tensor residual, final Tensor x) {
            return byPart(arena, (part, first) -> backend.gatedAdd(arena, rows(residual, part, first),
                    rows(x, part, first), part.gate()));
        }

        private Tensor byPart(final Arena arena, final PartFunction function) {
            final Tensor[] results = new Tensor[parts.size()];
            long first = 0;
            for (int i = 0; i < results.length; i++) {
                results[i] = function.apply(parts.get(i), first);
                first += parts.get(i).rows();
            }
            return results.length == 1 ? results[0] : backend.concat(arena, results); // [L, D]
        }

        private Tensor rows(final Tensor x, final Part part, final long first) {
            final long width = x.shape().extent(-1);
            return backend.slice(x, first * width, Shape.of(part.rows(), width));
        }
    }

    /** Computes the rows of one part. */
    private interface PartFunction {
        Tensor apply(Part part, long firstRow);
    }
}
