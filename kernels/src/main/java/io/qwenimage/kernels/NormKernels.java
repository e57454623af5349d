package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Norms over rows and what follows them, {@code norm.cu}. Operands of a call have one type (BF16, F16 or F32); rows of
 * x may lie apart, everything else is contiguous. A result may be x. Every method throws
 * {@link IllegalArgumentException} for operands that do not fit.
 */
public final class NormKernels {
    /** As many spans of rows as a launch takes by value. */
    public static final int MOST_SPANS = 8;

    private static final int SPAN_BYTES = 8 * Long.BYTES;
    private static final int MOST_TEAM_THREADS = 256;
    private static final int MOST_THREADS = 384;
    /** Each has a barrier of its own; a block has 16. */
    private static final int MOST_TEAMS = 15;
    /** Accesses of a row that a thread keeps in registers. */
    private static final int CHUNKS = 4;
    /** So many that their registers fill it: each block then reads what is common to its rows once. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 2;

    private final CudaDevice device;

    /** Launchers of a device. */
    public NormKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * x / sqrt(mean(x^2) + eps) * weight.
     *
     * @param x      [rows, width]
     * @param weight [width]
     * @param out    [rows, width]
     */
    public void rmsNorm(final CudaStream stream, final TensorView x, final TensorView weight, final TensorView out,
            final float eps) {
        final Rows rows = new Rows(x);
        final KernelArguments arguments = new KernelArguments().pointer(x).pointer(rows.vector("weight", weight))
                .pointer(rows.like("out", out));
        launch(stream, "rms_norm", rows, 1, rows.end(arguments).f32(eps));
    }

    /**
     * (x - mean) / sqrt(variance + eps) * weight + bias.
     *
     * @param x      [rows, width]
     * @param weight [width]
     * @param bias   [width]
     * @param out    [rows, width]
     */
    public void layerNorm(final CudaStream stream, final TensorView x, final TensorView weight, final TensorView bias,
            final TensorView out, final float eps) {
        final Rows rows = new Rows(x);
        final KernelArguments arguments = new KernelArguments().pointer(x).pointer(rows.vector("weight", weight))
                .pointer(rows.vector("bias", bias)).pointer(rows.like("out", out));
        launch(stream, "layer_norm", rows, 2, rows.end(arguments).f32(eps));
    }

    /**
     * (x - mean) / sqrt(variance + eps) * (1 + scale) + shift.
     *
     * @param x     [rows, width]
     * @param shift [width]
     * @param scale [width]
     * @param out   [rows, width]
     */
    public void adaLayerNorm(final CudaStream stream, final TensorView x, final TensorView shift,
            final TensorView scale, final TensorView out, final float eps) {
        final Rows rows = new Rows(x);
        final KernelArguments arguments = new KernelArguments().pointer(x).pointer(rows.vector("shift", shift))
                .pointer(rows.vector("scale", scale)).pointer(rows.like("out", out));
        launch(stream, "ada_layer_norm", rows, 2, rows.end(arguments).f32(eps));
    }

    /**
     * residual + gate * x.
     *
     * @param residual [rows, width]
     * @param x        [rows, width]
     * @param gate     [width]
     * @param sum      [rows, width]; may be the residual
     */
    public void gatedAdd(final CudaStream stream, final TensorView residual, final TensorView x,
            final TensorView gate, final TensorView sum) {
        final Rows rows = new Rows(x);
        final KernelArguments arguments = new KernelArguments().pointer(rows.like("residual", residual)).pointer(x)
                .pointer(rows.vector("gate", gate)).pointer(rows.like("sum", sum));
        launch(stream, "gated_add", rows, 1, rows.end(arguments));
    }

    /**
     * Rows that get one gate, shift and scale.
     *
     * @param residual [rows, width], contiguous like all that follows
     * @param x        [rows, width]
     * @param gate     [width]
     * @param shift    [width]
     * @param scale    [width]
     * @param sum      [rows, width]; may be the residual
     * @param out      [rows, width]
     */
    public record Span(TensorView residual, TensorView x, TensorView gate, TensorView shift, TensorView scale,
            TensorView sum, TensorView out) {
        /** {@code Span} of norm.cu. */
        private void pack(final ByteBuffer bytes) {
            for (final TensorView view : new TensorView[] {residual, x, gate, shift, scale, sum, out}) {
                bytes.putLong(view.address());
            }
            bytes.putLong(x.size(0));
        }

        private void require(final String name, final ElementType type, final long width) {
            Operands.dense(name + " x", x, type, -1, width);
            for (final TensorView rows : new TensorView[] {residual, sum, out}) {
                Operands.dense(name + " operand", rows, type, x.size(0), width);
            }
            for (final TensorView vector : new TensorView[] {gate, shift, scale}) {
                Operands.dense(name + " vector", vector, type, width);
            }
        }
    }

    /**
     * Gated residuals and the modulated norms of them in one pass and one launch: sum = residual + gate * x, rounded to
     * its type; out = (sum - mean) / sqrt(variance + eps) * (1 + scale) + shift.
     *
     * @param spans from one to {@value #MOST_SPANS}, of one width
     */
    public void gatedAddAdaLayerNorm(final CudaStream stream, final List<Span> spans, final float eps) {
        if (spans.isEmpty() || spans.size() > MOST_SPANS) {
            throw new IllegalArgumentException(spans.size() + " spans of rows; from 1 to " + MOST_SPANS + " are taken");
        }
        final TensorView first = spans.getFirst().x();
        Operands.matrix("x", first);
        long count = 0;
        for (int i = 0; i < spans.size(); i++) {
            spans.get(i).require("span " + i, first.type(), first.size(1));
            count += spans.get(i).x().size(0);
        }
        final Rows rows = new Rows(first, count);
        final ByteBuffer packed = ByteBuffer.allocate(MOST_SPANS * SPAN_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        spans.forEach(span -> span.pack(packed));
        final long blocks = spans.stream().mapToLong(span -> Math.ceilDiv(span.x().size(0), rows.perBlock)).sum();
        if (count > 0 && rows.width > 0) {
            device.module("norm").kernel("gated_add_ada_layer_norm_" + rows.type.suffix()).launch(stream,
                    rows.geometry(blocks, 3), new KernelArguments().struct(packed.array(), Long.BYTES)
                            .i32(rows.width).i32(rows.perBlock).i32(rows.teamThreads).f32(eps));
        }
    }

    /** @param vectors how many vectors all rows have in common */
    private void launch(final CudaStream stream, final String kernel, final Rows rows, final int vectors,
            final KernelArguments arguments) {
        if (rows.count > 0 && rows.width > 0) {
            device.module("norm").kernel(kernel + "_" + rows.type.suffix())
                    .launch(stream, rows.geometry(Math.ceilDiv(rows.count, rows.perBlock), vectors), arguments);
        }
    }

    /** The rows of one call, and how teams of a block's threads share them out. */
    private final class Rows {
        private final ElementType type;
        private final long count;
        private final long width;
        private final long stride;
        private final int perBlock;
        private final int teamThreads;
        private final boolean inRegisters;

        Rows(final TensorView x) {
            this(Operands.matrix("x", x), x.size(0));
        }

        /** @param count of all spans of the call, which x is one of */
        Rows(final TensorView x, final long count) {
            type = x.type();
            this.count = count;
            width = x.size(1);
            stride = x.stride(0);
            final long blocks = (long) BLOCKS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
            perBlock = Math.toIntExact(Math.max(1, Math.ceilDiv(count, blocks)));
            final long needed = Math.ceilDiv(Math.ceilDiv(width, Operands.vector(type)), CHUNKS);
            inRegisters = needed <= MOST_TEAM_THREADS;
            teamThreads = Operands.roundUp(Math.clamp(needed, 1, MOST_TEAM_THREADS), Operands.WARP);
        }

        TensorView vector(final String name, final TensorView view) {
            return Operands.dense(name, view, type, width);
        }

        TensorView like(final String name, final TensorView view) {
            return Operands.dense(name, view, type, count, width);
        }

        KernelArguments end(final KernelArguments arguments) {
            return arguments.i32(count).i32(width).i64(stride).i32(perBlock).i32(teamThreads);
        }

        LaunchGeometry geometry(final long blocks, final int vectors) {
            final int teams = Math.min(perBlock, Math.min(MOST_TEAMS, MOST_THREADS / teamThreads));
            final long shared = inRegisters ? vectors * width * type.bytes() : 0;
            return LaunchGeometry.of(blocks, 1, 1, teams * teamThreads,
                    Math.toIntExact(Operands.roundUp((int) shared, Operands.ACCESS_BYTES)));
        }
    }
}
