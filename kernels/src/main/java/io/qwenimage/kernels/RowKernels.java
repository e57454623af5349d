package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/**
 * Moves rows of any type, {@code rows.cu}. Source and target must not overlap. Every method throws
 * {@link IllegalArgumentException} for operands that do not fit.
 */
public final class RowKernels {
    private static final int THREADS = 128;

    private final CudaDevice device;

    /** Launchers of a device. */
    public RowKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * Copies rows: parts of a concatenation, entries of a cache that grows, heads out of a fused projection.
     *
     * @param from [rows, width]; rows may lie apart
     * @param to   [rows, width] of the same type; rows may lie apart
     */
    public void copy(final CudaStream stream, final TensorView from, final TensorView to) {
        from.requireShape("from", -1, -1).requireRows("from");
        to.requireType("to", from.type()).requireShape("to", from.shape()).requireRows("to");
        final int size = from.type().bytes();
        final long rowBytes = from.size(1) * size;
        launch(stream, "copy_rows", from.size(0), rowBytes, new KernelArguments().pointer(from).pointer(to)
                .i32(from.size(0)).i64(rowBytes).i64(from.stride(0) * size).i64(to.stride(0) * size));
    }

    /**
     * Takes rows out of a table: out[l] = table[ids[l]]. An id outside the table makes the launch fail.
     *
     * @param table [entries, width]; rows may lie apart
     * @param ids   [rows], I32
     * @param out   [rows, width] of the table's type; rows may lie apart
     */
    public void gather(final CudaStream stream, final TensorView table, final TensorView ids, final TensorView out) {
        table.requireShape("table", -1, -1).requireRows("table");
        Operands.dense("ids", ids, ElementType.I32, -1);
        out.requireType("out", table.type()).requireShape("out", ids.size(0), table.size(1)).requireRows("out");
        final int size = table.type().bytes();
        final long rowBytes = table.size(1) * size;
        launch(stream, "gather_rows", ids.size(0), rowBytes, new KernelArguments().pointer(table).pointer(ids)
                .pointer(out).i32(ids.size(0)).i32(table.size(0)).i64(rowBytes).i64(table.stride(0) * size)
                .i64(out.stride(0) * size));
    }

    /**
     * Doubles height and width by repeating pixels.
     *
     * @param x   [H, W, C], contiguous
     * @param out [2H, 2W, C], contiguous, of the same type
     */
    public void upsampleNearest(final CudaStream stream, final TensorView x, final TensorView out) {
        x.requireShape("x", -1, -1, -1).requireContiguous("x");
        Operands.dense("out", out, x.type(), 2 * x.size(0), 2 * x.size(1), x.size(2));
        final long pixelBytes = x.size(2) * x.type().bytes();
        final long rowBytes = x.size(1) * pixelBytes;
        if (rowBytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("x is " + x + ": a row of " + rowBytes
                    + " bytes, the most are 2^31 - 1");
        }
        launch(stream, "upsample_nearest", x.size(0), rowBytes, new KernelArguments().pointer(x).pointer(out)
                .i32(x.size(0)).i32(x.size(1)).i32(pixelBytes));
    }

    private void launch(final CudaStream stream, final String kernel, final long rows, final long rowBytes,
            final KernelArguments arguments) {
        if (rows > 0 && rowBytes > 0) {
            final long blocks = Math.ceilDiv(rowBytes, (long) THREADS * Operands.ACCESS_BYTES);
            device.module("rows").kernel(kernel)
                    .launch(stream, LaunchGeometry.of(blocks, Operands.blocksY(rows), 1, THREADS, 0), arguments);
        }
    }
}
