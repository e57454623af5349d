package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.kernels.ChannelNormKernels;
import io.qwenimage.kernels.LatentKernels;
import io.qwenimage.kernels.NormKernels;
import io.qwenimage.kernels.PointwiseKernels;
import io.qwenimage.kernels.RopeKernels;
import io.qwenimage.kernels.RowKernels;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.TensorView;

/** Operations that go once over their operands' rows, one kernel each; results are written into tensors that are given. */
final class RowOperations {
    private final CudaStream stream;
    private final NormKernels norms;
    private final ChannelNormKernels channelNorms;
    private final PointwiseKernels pointwise;
    private final RowKernels rows;
    private final RopeKernels rope;
    private final LatentKernels latentSteps;

    /** Puts all work on a stream. */
    RowOperations(final CudaStream stream) {
        this.stream = stream;
        final CudaDevice device = stream.device();
        norms = new NormKernels(device);
        channelNorms = new ChannelNormKernels(device);
        pointwise = new PointwiseKernels(device);
        rows = new RowKernels(device);
        rope = new RopeKernels(device);
        latentSteps = new LatentKernels(device);
    }

    /** Rows of a table. */
    void embedding(final CudaTensor table, final CudaTensor ids, final CudaTensor result) {
        rows.gather(stream, table.view(), ids.view(), result.view());
    }

    /** Columns of a matrix that is made part by part. */
    void storeColumns(final CudaTensor target, final long column, final CudaTensor columns) {
        Require.columns(target, column, columns);
        rows.copy(stream, columns.view(), target.view().slice(1, column, column + columns.shape().extent(1)));
    }

    /** The same numbers in another type. */
    void cast(final CudaTensor x, final CudaTensor result) {
        pointwise.cast(stream, x.view(), result.view());
    }

    /** silu(gate) * up. */
    void swiGlu(final CudaTensor gate, final CudaTensor up, final CudaTensor result) {
        pointwise.swiGlu(stream, gate.view(), up.view(), result.view());
    }

    /** Layer norm, then modulation. */
    void adaLayerNorm(final CudaTensor x, final CudaTensor shift, final CudaTensor scale, final float eps,
            final CudaTensor result) {
        norms.adaLayerNorm(stream, x.view(), shift.view(), scale.view(), result.view(), eps);
    }

    /** Layer norm with a learned scale and bias. */
    void layerNorm(final CudaTensor x, final CudaTensor weight, final CudaTensor bias, final float eps,
            final CudaTensor result) {
        norms.layerNorm(stream, x.view(), weight.view(), bias.view(), result.view(), eps);
    }

    /** residual + gate * x. */
    void gatedAdd(final CudaTensor residual, final CudaTensor x, final CudaTensor gate, final CudaTensor result) {
        norms.gatedAdd(stream, residual.view(), x.view(), gate.view(), result.view());
    }

    /** Root mean square norm. */
    void rmsNorm(final CudaTensor x, final CudaTensor weight, final float eps, final CudaTensor result) {
        norms.rmsNorm(stream, x.view(), weight.view(), result.view(), eps);
    }

    /** Norm over channels, then a non-linearity. */
    void channelNorm(final CudaTensor x, final CudaTensor gamma, final Activation activation,
            final CudaTensor result) {
        channelNorms.channelNorm(stream, x.view(), gamma.view(), KernelNames.of(activation), result.view());
    }

    /**
     * Splits rows into heads, normalises and rotates them.
     *
     * @param x      [L, H D]
     * @param weight [D] or null
     * @param rotary rows for L tokens, or null
     * @param result [L, H, D]
     */
    void qkNormRope(final CudaTensor x, final CudaTensor weight, final float eps, final RotaryTable rotary,
            final CudaTensor result) {
        if (rotary != null) {
            rope.qkNormRope(stream, x.view().reshape(result.shape().toArray()), weight == null ? null : weight.view(),
                    eps, ((CudaTensor) rotary.cosine()).view(), ((CudaTensor) rotary.sine()).view(),
                    KernelNames.of(rotary.pairs()), result.view());
        } else if (weight != null) {
            // Without pairs a head is a row, and may have any width.
            final long size = result.shape().extent(2);
            final long[] rowsOfHeads = {result.shape().elements() / size, size};
            norms.rmsNorm(stream, x.view().reshape(rowsOfHeads), weight.view(), result.view().reshape(rowsOfHeads),
                    eps);
        } else {
            rows.copy(stream, x.view(), result.view().reshape(x.shape().toArray()));
        }
    }

    /** Doubles height and width. */
    void upsampleNearest(final CudaTensor x, final CudaTensor result) {
        rows.upsampleNearest(stream, x.view(), result.view());
    }

    /** Guidance and one Euler step. */
    void guidanceStep(final CudaTensor latents, final CudaTensor conditional, final CudaTensor unconditional,
            final float trueCfgScale, final CudaTensor dt, final CudaTensor result) {
        latentSteps.guidanceStep(stream, latents.view(), conditional.view(),
                unconditional == null ? null : unconditional.view(), trueCfgScale, dt.view(), result.view());
    }
}
