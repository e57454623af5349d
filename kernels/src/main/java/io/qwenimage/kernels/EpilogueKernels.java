package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.KernelModule;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/** Launches of {@code epilogue.cu}: what follows a matrix product where the product cannot do it itself. */
public final class EpilogueKernels {
    private static final int THREADS = 256;
    private static final int BLOCKS_PER_MULTIPROCESSOR = 16;

    private final KernelModule module;
    private final long mostBlocks;

    /** Loads the kernels on a device. */
    public EpilogueKernels(final CudaDevice device) {
        module = device.module("epilogue");
        mostBlocks = (long) BLOCKS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
    }

    /**
     * activation(x + bias) + residual.
     *
     * @param x        [L, D], BF16, F16 or F32
     * @param bias     [D], type as x, or null
     * @param residual [L, D], type as x, or null
     * @param out      [L, D], type as x; may be x or residual
     */
    public void finish(final CudaStream stream, final TensorView x, final TensorView bias, final Activation activation,
            final TensorView residual, final TensorView out) {
        x.requireType("x", ElementType.BF16, ElementType.F16, ElementType.F32).requireShape("x", -1, -1)
                .requireContiguous("x");
        if (bias != null) {
            bias.requireType("bias", x.type()).requireShape("bias", x.size(1)).requireContiguous("bias");
        }
        if (residual != null) {
            residual.requireType("residual", x.type()).requireShape("residual", x.shape())
                    .requireContiguous("residual");
        }
        out.requireType("out", x.type()).requireShape("out", x.shape()).requireContiguous("out");
        if (x.elements() == 0) {
            return;
        }
        final long pieces = Math.ceilDiv(x.elements(), 16 / x.type().bytes());
        module.kernel("epilogue_" + x.type().suffix()).launch(stream,
                LaunchGeometry.of(Math.min(Math.ceilDiv(pieces, THREADS), mostBlocks), THREADS),
                new KernelArguments().pointer(x).optionalPointer(bias).optionalPointer(residual).pointer(out)
                        .i64(x.elements()).i32(x.size(1)).i32(activation.number()));
    }
}
