package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Locale;

/**
 * Operations on elements, {@code pointwise.cu}. Operands of a call have one type (BF16, F16 or F32) unless the method
 * says otherwise. A result may be an operand of its type. Every method throws {@link IllegalArgumentException} for
 * operands that do not fit.
 */
public final class PointwiseKernels {
    private static final int THREADS = 256;
    /** Of each operand that a thread has under way. */
    private static final int ACCESSES = 2;
    private static final int SINUSOID_THREADS = 128;

    private final CudaDevice device;

    /** Launchers of a device. */
    public PointwiseKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * activation(x).
     *
     * @param x          contiguous
     * @param activation any but {@link Activation#NONE}
     * @param out        as x
     */
    public void activate(final CudaStream stream, final TensorView x, final Activation activation,
            final TensorView out) {
        if (activation == Activation.NONE) {
            throw new IllegalArgumentException("activation NONE: nothing to compute, use the operand");
        }
        Operands.floating("x", x).requireContiguous("x");
        Operands.dense("out", out, x.type(), x.shape());
        launch(stream, activation.name().toLowerCase(Locale.ROOT), x, x.type(),
                new KernelArguments().pointer(x).pointer(out).i64(x.elements()));
    }

    /**
     * a + b.
     *
     * @param a   contiguous
     * @param b   as a
     * @param out as a
     */
    public void add(final CudaStream stream, final TensorView a, final TensorView b, final TensorView out) {
        Operands.floating("a", a).requireContiguous("a");
        Operands.dense("b", b, a.type(), a.shape());
        Operands.dense("out", out, a.type(), a.shape());
        launch(stream, "add", a, a.type(),
                new KernelArguments().pointer(a).pointer(b).pointer(out).i64(a.elements()));
    }

    /**
     * silu(gate) * up.
     *
     * @param gate [rows, width]; rows may lie apart
     * @param up   [rows, width]; rows may lie apart
     * @param out  [rows, width], contiguous
     */
    public void swiGlu(final CudaStream stream, final TensorView gate, final TensorView up, final TensorView out) {
        Operands.matrix("gate", gate);
        up.requireType("up", gate.type()).requireShape("up", gate.shape()).requireRows("up");
        Operands.dense("out", out, gate.type(), gate.shape());
        final long rows = gate.size(0);
        final long width = gate.size(1);
        if (rows > 0 && width > 0) {
            final LaunchGeometry geometry = LaunchGeometry.of(
                    Math.ceilDiv(width, THREADS * Operands.vector(gate.type())), Operands.blocksY(rows), 1, THREADS, 0);
            kernel("swiglu", gate.type(), stream, geometry, new KernelArguments().pointer(gate).pointer(up).pointer(out)
                    .i32(rows).i32(width).i64(gate.stride(0)).i64(up.stride(0)));
        }
    }

    /**
     * Converts to another type: to a narrower one by rounding to the nearest, ties to even; from F8_E4M3 and F8_E5M2
     * exactly.
     *
     * @param x   contiguous, BF16, F16, F32, F8_E4M3 or F8_E5M2
     * @param out BF16, F16 or F32, another type than x
     */
    public void cast(final CudaStream stream, final TensorView x, final TensorView out) {
        x.requireType("x", ElementType.BF16, ElementType.F16, ElementType.F32, ElementType.F8_E4M3,
                ElementType.F8_E5M2).requireContiguous("x");
        Operands.floating("out", out).requireShape("out", x.shape()).requireContiguous("out");
        if (x.type() == out.type()) {
            throw new IllegalArgumentException("both operands are " + x + ": nothing to convert");
        }
        final ElementType wider = x.type().bytes() > out.type().bytes() ? x.type() : out.type();
        launch(stream, "cast_" + x.type().suffix(), x, out.type(), wider,
                new KernelArguments().pointer(x).pointer(out).i64(x.elements()));
    }

    /**
     * Embeds timesteps: angles are scale * (t * frequency); a row holds their cosines, then their sines.
     *
     * @param timesteps   [n], F32
     * @param frequencies [half], F32
     * @param out         [n, 2 half]
     */
    public void timestepEmbedding(final CudaStream stream, final TensorView timesteps, final TensorView frequencies,
            final float scale, final TensorView out) {
        Operands.dense("timesteps", timesteps, ElementType.F32, -1);
        Operands.dense("frequencies", frequencies, ElementType.F32, -1);
        final long count = timesteps.size(0);
        final long half = frequencies.size(0);
        Operands.floating("out", out).requireShape("out", count, 2 * half).requireContiguous("out");
        if (count > 0 && half > 0) {
            kernel("timestep_embedding", out.type(), stream, LaunchGeometry.of(count, SINUSOID_THREADS),
                    new KernelArguments().pointer(timesteps).pointer(frequencies).pointer(out).i32(half).f32(scale));
        }
    }

    private void launch(final CudaStream stream, final String name, final TensorView x, final ElementType suffix,
            final KernelArguments arguments) {
        launch(stream, name, x, suffix, suffix, arguments);
    }

    private void launch(final CudaStream stream, final String name, final TensorView x, final ElementType suffix,
            final ElementType wider, final KernelArguments arguments) {
        if (x.elements() > 0) {
            final long blocks = Math.ceilDiv(x.elements(), (long) THREADS * ACCESSES * Operands.vector(wider));
            kernel(name, suffix, stream, LaunchGeometry.of(blocks, THREADS), arguments);
        }
    }

    private void kernel(final String name, final ElementType type, final CudaStream stream,
            final LaunchGeometry geometry, final KernelArguments arguments) {
        device.module("pointwise").kernel(name + "_" + type.suffix()).launch(stream, geometry, arguments);
    }
}
