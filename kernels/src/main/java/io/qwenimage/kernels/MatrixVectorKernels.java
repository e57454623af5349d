package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/** Products of a weight matrix with at most {@value #MOST_ROWS} rows, {@code matvec.cu}. */
public final class MatrixVectorKernels {
    /** More rows are a matter for a matrix product on tensor cores. */
    public static final int MOST_ROWS = 8;
    private static final int THREADS = 128;
    /** Rows of the weight that a block takes. */
    private static final int OUTPUTS = 4;
    private static final int FEW_ROWS = 4;

    private final CudaDevice device;

    /** Launchers of a device. */
    public MatrixVectorKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * activation(x weight^T + bias) + residual.
     *
     * @param x        [rows, in], BF16, F16 or F32, from 1 to {@value #MOST_ROWS} rows, which may lie apart
     * @param weight   [out, in], contiguous, of the same type
     * @param bias     [out], or null
     * @param residual [rows, out], contiguous, or null
     * @param out      [rows, out], contiguous; may be the residual
     * @throws IllegalArgumentException if operands do not fit
     */
    public void linear(final CudaStream stream, final TensorView x, final TensorView weight, final TensorView bias,
            final Activation activation, final TensorView residual, final TensorView out) {
        Operands.matrix("x", x);
        final long rows = x.size(0);
        final long in = x.size(1);
        if (rows < 1 || rows > MOST_ROWS || in < 1) {
            throw new IllegalArgumentException("x is " + x + ", but must have 1 to " + MOST_ROWS
                    + " rows of 1 element or more");
        }
        Operands.dense("weight", weight, x.type(), -1, in);
        final long width = weight.size(0);
        Operands.optional("bias", bias, x.type(), width);
        Operands.optional("residual", residual, x.type(), rows, width);
        Operands.dense("out", out, x.type(), rows, width);
        if (width > 0) {
            final int most = rows == 1 ? 1 : rows <= FEW_ROWS ? FEW_ROWS : MOST_ROWS;
            device.module("matvec").kernel("matrix_vector" + most + "_" + x.type().suffix()).launch(stream,
                    LaunchGeometry.of(Math.ceilDiv(width, OUTPUTS), THREADS),
                    new KernelArguments().pointer(x).pointer(weight).optionalPointer(bias).optionalPointer(residual)
                            .pointer(out).i32(rows).i32(in).i32(width).i64(x.stride(0)).i32(activation.number()));
        }
    }
}
