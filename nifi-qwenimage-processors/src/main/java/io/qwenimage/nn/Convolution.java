package io.qwenimage.nn;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Padding;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.nio.ByteBuffer;

/**
 * Two-dimensional convolution over pictures with channels last.
 *
 * @param weight [out, in, kh, kw]
 * @param bias   [out]
 */
public record Convolution(Backend backend, Tensor weight, Tensor bias, int stride, Padding padding) {
    /** Reads a 2D convolution with a square kernel. */
    public static Convolution load(final ModuleScope scope, final int in, final int out, final int kernel,
            final int stride, final Padding padding) {
        return new Convolution(scope.backend(),
                scope.weight("weight", WeightRole.CONVOLUTION, out, in, kernel, kernel),
                scope.weight("bias", WeightRole.VECTOR, out), stride, padding);
    }

    /**
     * Reads a causal 3D convolution with a cubic kernel for use on a single frame. In front of the first frame there
     * are only zeros, so that of the temporal taps the last alone meets data.
     */
    public static Convolution loadCausal(final ModuleScope scope, final int in, final int out, final int kernel) {
        final HostTensor stored = scope.stored("weight", out, in, kernel, kernel, kernel);
        return new Convolution(scope.backend(), scope.prepare(lastTap(stored, kernel), WeightRole.CONVOLUTION),
                scope.weight("bias", WeightRole.VECTOR, out), 1, Padding.of(kernel / 2));
    }

    /** [H, W, in] to [H', W', out]. */
    public Tensor forward(final Arena arena, final Tensor x) {
        return backend.convolution(arena, x, weight, bias, stride, padding, null);
    }

    /** [H, W, in] to [H', W', out], then a sum with a residual of that shape. */
    public Tensor forward(final Arena arena, final Tensor x, final Tensor residual) {
        return backend.convolution(arena, x, weight, bias, stride, padding, residual);
    }

    private static HostTensor lastTap(final HostTensor stored, final int kernel) {
        final Shape shape = stored.shape();
        final long filters = shape.extent(0) * shape.extent(1);
        final int tapBytes = kernel * kernel * stored.dtype().bytes();
        final ByteBuffer source = stored.bytes();
        final ByteBuffer taps = ByteBuffer.allocateDirect(Math.toIntExact(filters * tapBytes));
        for (int filter = 0; filter < filters; filter++) {
            final int lastTap = (filter * kernel + kernel - 1) * tapBytes;
            taps.put(source.slice(lastTap, tapBytes));
        }
        return new HostTensor(Shape.of(shape.extent(0), shape.extent(1), kernel, kernel), stored.dtype(), taps.flip());
    }
}
