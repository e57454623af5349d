package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The shift, scale and gate that the timestep gives to the two halves of a block: {@code img_mod}, {@code txt_mod}. */
record Modulation(Backend backend, Linear linear) {
    static Modulation load(final ModuleScope scope, final int width) {
        return new Modulation(scope.backend(), Linear.load(scope.sub(1), width, 6 * width)); // entry 0 is the SiLU
    }

    /**
     * For attention [0] and for the feed-forward layer [1].
     *
     * @param spans the stream's tokens by their time
     */
    Half[] forward(final Arena arena, final List<TimeSpan> spans) {
        final List<Part> attention = new ArrayList<>();
        final List<Part> feedForward = new ArrayList<>();
        final Map<Tensor, Tensor> known = new IdentityHashMap<>();
        for (final TimeSpan span : spans) {
            final Tensor parameters = known.computeIfAbsent(span.activated(),
                    activated -> linear.forward(arena, activated)); // [1, 6 D]
            final int width = span.activated().shape().intExtent(-1);
            attention.add(part(span.rows(), parameters, 0, width));
            feedForward.add(part(span.rows(), parameters, 3, width));
        }
        return new Half[] {new Half(backend, attention), new Half(backend, feedForward)};
    }

    private Part part(final long rows, final Tensor parameters, final int first, final int width) {
        final Shape shape = Shape.of(width);
        return new Part(rows, backend.slice(parameters, (long) first * width, shape),
                backend.slice(parameters, (long) (first + 1) * width, shape),
                backend.slice(parameters, (long) (first + 2) * width, shape));
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
