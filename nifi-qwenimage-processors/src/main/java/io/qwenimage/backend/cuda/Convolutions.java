package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Padding;
import io.qwenimage.kernels.UnfoldKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Convolutions through cuDNN, where it is installed: a picture's windows are multiplied where they lie, with bias and
 * residual added in the same pass. What the library lacks, as a whole or for a shape, is no fault: callers then unfold
 * windows. Sums are in F32, whatever the elements are; F32 elements are not rounded to TF32.
 *
 * <p>The calls are those that cuDNN 9 names its legacy API, which takes pictures in BF16 with channels last to the
 * tensor cores ("Legacy API" in NVIDIA's "cuDNN Developer Guide"; table of {@code cudnnConvolutionForward},
 * PSEUDO_BFLOAT16_CONFIG and FLOAT_CONFIG for NHWC). Its graphs would add nothing to a convolution with a bias and a
 * residual.
 */
final class Convolutions implements AutoCloseable {
    private static final int ALIGNED_BYTES = 16;
    /** The most that a convolution takes beside its operands, a padded picture included: as unfolded windows would. */
    private static final long MOST_BYTES = 256L << 20;

    /** How much of a convolution the library has computed. */
    enum Served {
        /** Nothing, and nothing was written. */
        NOTHING,
        /** The sums of products, to which bias and residual are still to be added. */
        PRODUCTS,
        /** All. */
        EVERYTHING
    }

    /**
     * A shape for which a plan is remembered.
     *
     * @param height    of the picture, with zeros around it that are written
     * @param width     of the picture, with zeros around it that are written
     * @param padHeight rows of zeros above and below that the library adds
     * @param padWidth  columns of zeros on either side that the library adds
     * @param type      of all elements
     */
    record Geometry(int height, int width, int in, int out, int windowHeight, int windowWidth, int stride,
            int padHeight, int padWidth, DType type) {
        int outHeight() {
            return (height + 2 * padHeight - windowHeight) / stride + 1;
        }

        int outWidth() {
            return (width + 2 * padWidth - windowWidth) / stride + 1;
        }

        /** Bytes of the picture. */
        long bytes() {
            return (long) height * width * in * type.bytes();
        }
    }

    private final CudaStream stream;
    private final UnfoldKernels pads;
    private final Cudnn library;
    private final String absence;
    private final Map<Geometry, ConvolutionPlan> plans = new HashMap<>();

    /**
     * Opens the library on the device that is current, if it is installed.
     *
     * @param stream that all convolutions run on
     * @param folder where it lies, or null for where it is usually found
     */
    Convolutions(final CudaStream stream, final Path folder) {
        this.stream = stream;
        pads = new UnfoldKernels(stream.device());
        Cudnn opened = null;
        String missing = null;
        try {
            CudaLibraries.loadCudnn(folder);
            opened = new Cudnn(stream);
        } catch (final IllegalStateException | CudnnException e) {
            missing = e.getMessage();
        }
        library = opened;
        absence = missing;
    }

    /** What computes them, in words. */
    String describe() {
        return library == null ? "by unfolded windows, because " + absence : "by cuDNN " + Cudnn.version();
    }

    /**
     * A convolution, plus bias, plus residual.
     *
     * @param x        [H, W, in]
     * @param weight   [out, in, kh, kw] as [out, kh kw in], type as x
     * @param bias     [out] or null
     * @param residual [H', W', out] or null
     * @param result   [H', W', out]
     * @throws CudnnException if the library fails
     */
    Served run(final CudaArena arena, final CudaTensor x, final PreparedWeight weight, final CudaTensor bias,
            final int stride, final Padding padding, final CudaTensor residual, final CudaTensor result) {
        if (library == null || !(isAligned(x) && isAligned(weight.rows()) && isAligned(bias) && isAligned(residual)
                && isAligned(result))) {
            return Served.NOTHING;
        }
        // The library pads both sides alike. Other zeros are written around the picture: that moves it twice, where
        // windows of 3 x 3 in steps of 2 would move it 4.5 times. Pictures too large for that go by bands of windows.
        final boolean even = padding.top() == padding.bottom() && padding.left() == padding.right();
        final Padding written = even ? Padding.NONE : padding;
        final Geometry shape = new Geometry(x.shape().intExtent(0) + written.top() + written.bottom(),
                x.shape().intExtent(1) + written.left() + written.right(), x.shape().intExtent(2),
                weight.shape().intExtent(0), weight.shape().intExtent(2), weight.shape().intExtent(3), stride,
                even ? padding.top() : 0, even ? padding.left() : 0, x.dtype());
        final long pictureBytes = even ? 0 : shape.bytes();
        if (pictureBytes > MOST_BYTES) {
            return Served.NOTHING;
        }
        final ConvolutionPlan plan = plans.computeIfAbsent(shape,
                wanted -> new ConvolutionPlan(library, wanted, MOST_BYTES));
        if (plan.refusal().isPresent() || plan.workspaceBytes() > MOST_BYTES - pictureBytes) {
            return Served.NOTHING;
        }
        try (CudaArena scratch = arena.open("workspace of a convolution")) {
            final CudaTensor picture = even ? x : padded(scratch, x, padding, shape);
            final CudaTensor workspace = scratch.allocate(DType.U8, Shape.of(Math.max(1, plan.workspaceBytes())));
            return plan.run(picture.address(), weight.rows().address(), addressOf(bias), addressOf(residual),
                    result.address(), workspace.address());
        }
    }

    /** The picture with zeros around it: windows of one pixel each, moved beyond its edges. */
    private CudaTensor padded(final CudaArena scratch, final CudaTensor x, final Padding padding,
            final Geometry shape) {
        final CudaTensor result = scratch.allocate(x.dtype(),
                Shape.of(shape.height() * (long) shape.width(), shape.in()));
        pads.unfold(stream, x.view(), new UnfoldKernels.Window(1, 1, 1, padding.top(), padding.left()), shape.width(),
                0, result.view());
        return result;
    }

    private static boolean isAligned(final CudaTensor tensor) {
        return addressOf(tensor) % ALIGNED_BYTES == 0;
    }

    private static long addressOf(final CudaTensor tensor) {
        return tensor == null ? 0 : tensor.address();
    }

    @Override
    public void close() {
        plans.values().forEach(ConvolutionPlan::close);
        plans.clear();
        // Closing the library waits for the device, and one that is lost may never answer.
        if (library != null && !stream.device().isLost()) {
            library.close();
        }
    }
}
