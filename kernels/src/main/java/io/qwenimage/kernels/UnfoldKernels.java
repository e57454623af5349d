package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.KernelModule;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/** Launches of {@code unfold.cu}: the windows of a picture as the rows of a matrix. */
public final class UnfoldKernels {
    private static final int THREADS = 256;
    private static final int BLOCKS_PER_MULTIPROCESSOR = 16;

    private final KernelModule module;
    private final long mostBlocks;

    /** Loads the kernels on a device. */
    public UnfoldKernels(final CudaDevice device) {
        module = device.module("unfold");
        mostBlocks = (long) BLOCKS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
    }

    /**
     * How a convolution's window moves over a picture.
     *
     * @param height of the window, in pixels
     * @param width  of the window, in pixels
     * @param stride 1 or more, both axes
     * @param top    rows of zeros above the picture
     * @param left   columns of zeros to the left of it
     */
    public record Window(int height, int width, int stride, int top, int left) {
        /** Checks the values. */
        public Window {
            if (height < 1 || width < 1 || stride < 1 || top < 0 || left < 0) {
                throw new IllegalArgumentException("window " + height + " x " + width + ", stride " + stride + ", "
                        + top + " rows above and " + left + " columns to the left");
            }
        }
    }

    /**
     * Rows of windows: {@code out[r * outWidth + c]} is what the window sees for the pixel in row {@code firstRow + r}
     * and column c of the result, pixel by pixel and with its channels last.
     *
     * @param x        [H, W, C], BF16, F16 or F32
     * @param outWidth of the convolution's result
     * @param firstRow of the convolution's result
     * @param out      [rows outWidth, height width C], type as x
     */
    public void unfold(final CudaStream stream, final TensorView x, final Window window, final int outWidth,
            final int firstRow, final TensorView out) {
        x.requireType("x", ElementType.BF16, ElementType.F16, ElementType.F32).requireShape("x", -1, -1, -1)
                .requireContiguous("x");
        final long windowElements = (long) window.height() * window.width() * x.size(2);
        out.requireType("out", x.type()).requireShape("out", -1, windowElements).requireContiguous("out");
        if (outWidth < 1 || firstRow < 0 || out.size(0) % outWidth != 0) {
            throw new IllegalArgumentException("out " + out + " does not hold whole rows of " + outWidth
                    + " pixels from row " + firstRow);
        }
        if (windowElements > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a window of " + windowElements + " elements of " + x
                    + " is larger than 2147483647");
        }
        if (out.elements() == 0) {
            return;
        }
        final long pieces = Math.ceilDiv(out.elements(), 16 / x.type().bytes());
        module.kernel("unfold_" + x.type().suffix()).launch(stream,
                LaunchGeometry.of(Math.min(Math.ceilDiv(pieces, THREADS), mostBlocks), THREADS),
                new KernelArguments().pointer(x).pointer(out).i32(x.size(0)).i32(x.size(1)).i32(x.size(2))
                        .i32(window.height()).i32(window.width()).i32(window.stride()).i32(window.top())
                        .i32(window.left()).i32(outWidth).i32(firstRow).i64(out.size(0)));
    }
}
