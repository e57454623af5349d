package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Padding;
import io.qwenimage.kernels.EpilogueKernels;
import io.qwenimage.kernels.MatrixVectorKernels;
import io.qwenimage.kernels.UnfoldKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import java.nio.file.Path;

/**
 * Linear layers and convolutions: matrix products with what follows them. The product adds bias, tanh GELU and residual
 * itself where it can; an epilogue kernel does the rest in one further pass. A few rows, as in decoding, are bound by
 * reading the weight, for which there is a kernel of its own that does all at once. Convolutions go to cuDNN where it
 * serves them; elsewhere they are products of unfolded windows.
 */
final class Projections implements AutoCloseable {
    private static final int ALIGNED_BYTES = 16;
    /** The most that a convolution's unfolded windows take; larger pictures go through in bands of rows. */
    private static final long UNFOLDED_BYTES = 256L << 20;

    private final CudaStream stream;
    private final MatrixProducts products;
    private final Convolutions convolutions;
    private final EpilogueKernels epilogues;
    private final UnfoldKernels windows;
    private final MatrixVectorKernels vectors;

    /**
     * Puts all work on a stream.
     *
     * @param libraries folder of cuDNN, or null for where it is usually found
     */
    Projections(final CudaStream stream, final MatrixProducts products, final Path libraries) {
        this.stream = stream;
        this.products = products;
        convolutions = new Convolutions(stream, libraries);
        epilogues = new EpilogueKernels(stream.device());
        windows = new UnfoldKernels(stream.device());
        vectors = new MatrixVectorKernels(stream.device());
    }

    /**
     * activation(x W^T + bias) + residual.
     *
     * @param x        [L, in]
     * @param weight   [out, in], type as x
     * @param bias     [out], type as x, or null
     * @param residual [L, out], type as x, or null
     * @param result   [L, out], type as x
     */
    void linear(final CudaTensor x, final CudaTensor weight, final CudaTensor bias, final Activation activation,
            final CudaTensor residual, final CudaTensor result) {
        if (x.shape().extent(0) <= MatrixVectorKernels.MOST_ROWS) {
            vectors.linear(stream, x.view(), weight.view(), viewOf(bias), KernelNames.of(activation), viewOf(residual),
                    result.view());
            return;
        }
        final boolean fusedActivation = activation == Activation.GELU_TANH;
        final boolean fusedResidual = residual != null && activation == Activation.NONE;
        final MatrixProducts.Shape fused = shape(x, weight, bias, residual, result,
                epilogue(bias != null, fusedActivation), fusedResidual);
        if (products.supports(fused)) {
            run(fused, x, weight, bias, fusedResidual ? residual : null, result);
            finish(result, null, fusedActivation ? Activation.NONE : activation, fusedResidual ? null : residual);
        } else {
            run(shape(x, weight, bias, residual, result, MatrixProducts.Epilogue.NONE, false), x, weight, null, null,
                    result);
            finish(result, bias, activation, residual);
        }
    }

    /**
     * A convolution, plus bias, plus residual.
     *
     * @param x        [H, W, in]
     * @param weight   [out, in, kh, kw] as [out, kh kw in], type as x
     * @param bias     [out] or null
     * @param residual [H', W', out] or null
     * @param result   [H', W', out]
     */
    void convolution(final CudaArena arena, final CudaTensor x, final PreparedWeight weight, final CudaTensor bias,
            final int stride, final Padding padding, final CudaTensor residual, final CudaTensor result) {
        final int height = weight.shape().intExtent(2);
        final int width = weight.shape().intExtent(3);
        final boolean point = height == 1 && width == 1 && stride == 1 && padding.equals(Padding.NONE);
        final Convolutions.Served served = point ? Convolutions.Served.NOTHING
                : convolutions.run(arena, x, weight, bias, stride, padding, residual, result);
        if (served == Convolutions.Served.PRODUCTS) {
            finish(rowsOf(result), bias, Activation.NONE, residual == null ? null : rowsOf(residual));
        }
        if (served != Convolutions.Served.NOTHING) {
            return;
        }
        final int outWidth = result.shape().intExtent(1);
        final int outHeight = result.shape().intExtent(0);
        final long out = result.shape().extent(2);
        final long window = weight.rows().shape().extent(1);
        if (point) {
            linear(rowsOf(x), weight.rows(), bias, Activation.NONE, residual == null ? null : rowsOf(residual),
                    rowsOf(result));
            return;
        }
        final UnfoldKernels.Window moved = new UnfoldKernels.Window(height, width, stride, padding.top(),
                padding.left());
        final long rowBytes = outWidth * window * x.dtype().bytes();
        final int band = (int) Math.max(1, Math.min(outHeight, UNFOLDED_BYTES / rowBytes));
        try (CudaArena scratch = arena.open("unfolded windows")) {
            final CudaTensor unfolded = scratch.allocate(x.dtype(), Shape.of((long) band * outWidth, window));
            for (int first = 0; first < outHeight; first += band) {
                final long pixels = (long) Math.min(band, outHeight - first) * outWidth;
                final CudaTensor rows = unfolded.view(0, Shape.of(pixels, window));
                windows.unfold(stream, x.view(), moved, outWidth, first, rows.view());
                final long start = (long) first * outWidth * out;
                final Shape part = Shape.of(pixels, out);
                linear(rows, weight.rows(), bias, Activation.NONE,
                        residual == null ? null : residual.view(start, part), result.view(start, part));
            }
        }
    }

    /** What computes convolutions, in words. */
    String describeConvolutions() {
        return convolutions.describe();
    }

    /** The pixels of a picture as rows. */
    private static CudaTensor rowsOf(final CudaTensor picture) {
        return picture.reshape(picture.shape().extent(0) * picture.shape().extent(1), picture.shape().extent(2));
    }

    /** activation(x + bias) + residual, in place. */
    private void finish(final CudaTensor x, final CudaTensor bias, final Activation activation,
            final CudaTensor residual) {
        if (bias != null || activation != Activation.NONE || residual != null) {
            finish(x, bias, activation, residual, x);
        }
    }

    /** activation(x + bias) + residual. */
    void finish(final CudaTensor x, final CudaTensor bias, final Activation activation, final CudaTensor residual,
            final CudaTensor result) {
        epilogues.finish(stream, x.view(), viewOf(bias), KernelNames.of(activation), viewOf(residual), result.view());
    }

    private static TensorView viewOf(final CudaTensor tensor) {
        return tensor == null ? null : tensor.view();
    }

    private static MatrixProducts.Epilogue epilogue(final boolean bias, final boolean gelu) {
        if (bias) {
            return gelu ? MatrixProducts.Epilogue.BIAS_GELU_TANH : MatrixProducts.Epilogue.BIAS;
        }
        return gelu ? MatrixProducts.Epilogue.GELU_TANH : MatrixProducts.Epilogue.NONE;
    }

    private static MatrixProducts.Shape shape(final CudaTensor x, final CudaTensor weight, final CudaTensor bias,
            final CudaTensor residual, final CudaTensor result, final MatrixProducts.Epilogue epilogue,
            final boolean addsResidual) {
        final long in = x.shape().extent(1);
        final long out = result.shape().extent(1);
        final DType type = x.dtype();
        final boolean aligned = isAligned(x) && isAligned(weight) && isAligned(bias) && isAligned(residual)
                && isAligned(result) && in * type.bytes() % ALIGNED_BYTES == 0 && out * type.bytes() % ALIGNED_BYTES == 0;
        return new MatrixProducts.Shape(x.shape().extent(0), in, out, type, epilogue, addsResidual, aligned);
    }

    private static boolean isAligned(final CudaTensor tensor) {
        return tensor == null || tensor.address() % ALIGNED_BYTES == 0;
    }

    private void run(final MatrixProducts.Shape shape, final CudaTensor x, final CudaTensor weight,
            final CudaTensor bias, final CudaTensor residual, final CudaTensor result) {
        products.run(shape, x.address(), weight.address(), bias == null ? 0 : bias.address(),
                residual == null ? 0 : residual.address(), result.address());
    }

    @Override
    public void close() {
        convolutions.close();
    }
}
