package io.qwenimage.backend.cuda;

import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.kernels.AttentionKernels;
import io.qwenimage.kernels.HopperAttentionKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.tensor.DType;

/** Attention by the fastest kernel that serves the shape. */
final class HeadOperations implements AutoCloseable {
    private final CudaStream stream;
    private final AttentionKernels attention;
    private final HopperAttentionKernels hopper;

    /** Puts all work on a stream. */
    HeadOperations(final CudaStream stream) {
        this.stream = stream;
        attention = new AttentionKernels(stream.device());
        hopper = HopperAttentionKernels.suits(stream.device()) ? new HopperAttentionKernels(stream.device()) : null;
    }

    /** Which kernels there are, for people. */
    String describe() {
        return hopper == null ? "mma.sync" : "wgmma and TMA";
    }

    /**
     * softmax(q k^T scale) v.
     *
     * @param q      [Lq, H, D]
     * @param k      [Lk, Hkv, D]
     * @param v      as k
     * @param result [Lq, H D]
     */
    void attention(final CudaTensor q, final CudaTensor k, final CudaTensor v, final AttentionPattern pattern,
            final float scale, final CudaTensor result) {
        final TensorView out = result.view();
        if (q.shape().extent(0) == 1 && pattern.queryOffsets() == null) {
            // One query is the last: it sees every key, causal or not.
            attention.decode(stream, q.view(), k.view(), v.view(), out, k.shape().intExtent(0), null, scale);
        } else if (hopper != null && suitsHopper(q) && suitsHopper(k) && suitsHopper(v)) {
            hopper.attention(stream, q.view(), k.view(), v.view(), out, pattern.causal(), pattern.queryOffsets(),
                    pattern.keyOffsets(), scale);
        } else {
            attention.attention(stream, q.view(), k.view(), v.view(), out, pattern.causal(), pattern.queryOffsets(),
                    pattern.keyOffsets(), scale);
        }
    }

    /** Whether the tensor memory accelerator can copy it and the kernel has its head. */
    private static boolean suitsHopper(final CudaTensor tensor) {
        return tensor.dtype() != DType.F32 && tensor.shape().extent(2) == HopperAttentionKernels.HEAD
                && tensor.address() % HopperAttentionKernels.ALIGNMENT == 0;
    }

    @Override
    public void close() {
        attention.close();
        if (hopper != null) {
            hopper.close();
        }
    }
}
