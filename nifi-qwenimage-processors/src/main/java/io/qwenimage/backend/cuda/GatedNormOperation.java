package io.qwenimage.backend.cuda;

import io.qwenimage.backend.GatedNorm;
import io.qwenimage.backend.Require;
import io.qwenimage.kernels.NormKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Gated sums and the norms of them, of all streams in one launch. */
final class GatedNormOperation {
    private final CudaStream stream;
    private final DType type;
    private final NormKernels kernels;

    /**
     * Puts all work on a stream.
     *
     * @param type of activations
     */
    GatedNormOperation(final CudaStream stream, final DType type) {
        this.stream = stream;
        this.type = type;
        kernels = new NormKernels(stream.device());
    }

    /** See {@code Backend.gatedAddAdaLayerNorm}. */
    List<GatedNorm> gatedAddAdaLayerNorm(final CudaArena arena, final float eps, final GatedNorm.Stream... streams) {
        final List<GatedNorm> results = new ArrayList<>();
        final List<NormKernels.Span> spans = new ArrayList<>();
        for (final GatedNorm.Stream given : streams) {
            final CudaTensor sum = arena.allocate(type, given.x().shape());
            final CudaTensor normed = arena.allocate(type, given.x().shape());
            results.add(new GatedNorm(sum, normed));
            final Shape vector = Shape.of(sum.shape().extent(1));
            long row = 0;
            for (final GatedNorm.Span span : given.spans()) {
                final Shape rows = Shape.of(span.rows(), vector.extent(0));
                final long start = row * vector.extent(0);
                spans.add(new NormKernels.Span(active(given.residual(), "residual").view(start, rows).view(),
                        active(given.x(), "x").view(start, rows).view(),
                        Operands.shaped(active(span.gate(), "gate"), vector, "gate").view(),
                        Operands.shaped(active(span.shift(), "shift"), vector, "shift").view(),
                        Operands.shaped(active(span.scale(), "scale"), vector, "scale").view(),
                        sum.view(start, rows).view(), normed.view(start, rows).view()));
                row += span.rows();
            }
        }
        for (int first = 0; first < spans.size(); first += NormKernels.MOST_SPANS) {
            kernels.gatedAddAdaLayerNorm(stream,
                    spans.subList(first, Math.min(spans.size(), first + NormKernels.MOST_SPANS)), eps);
        }
        return results;
    }

    private CudaTensor active(final Tensor tensor, final String name) {
        final CudaTensor own = Operands.own(tensor, name);
        Require.that(own.dtype() == type, "%s %s must be %s", name, tensor, type);
        return own;
    }
}
