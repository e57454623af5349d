package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Arrays;

/**
 * Query-key norm and rotary positions, {@code rope.cu}. Heads are [tokens, heads, D] with heads D apart; tokens may lie
 * further apart, so x may be the queries or the keys in rows of a fused projection, and out rows of a buffer that holds
 * text and picture. Every method throws {@link IllegalArgumentException} for operands that do not fit.
 */
public final class RopeKernels {
    private static final int THREADS = 128;
    private static final int WARPS_PER_BLOCK = THREADS / Operands.WARP;
    private static final int WARPS_PER_MULTIPROCESSOR = 16;
    private static final int AXES = 3;

    private final CudaDevice device;

    /** Launchers of a device. */
    public RopeKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * Normalises each head (x / sqrt(mean(x^2) + eps) * weight) and rotates it by its token's angles.
     *
     * @param x      [tokens, heads, D]
     * @param weight [D], or null for no norm
     * @param cosine [tokens, D/2], F32, or null for no rotation
     * @param sine   as the cosine
     * @param out    [tokens, heads, D]; may be x
     */
    public void qkNormRope(final CudaStream stream, final TensorView x, final TensorView weight, final float eps,
            final TensorView cosine, final TensorView sine, final RotaryPairs pairs, final TensorView out) {
        final Heads heads = new Heads(x, weight, out);
        if ((cosine == null) != (sine == null)) {
            throw new IllegalArgumentException("cosine is " + cosine + ", but sine is " + sine);
        }
        Operands.optional("cosine", cosine, ElementType.F32, heads.tokens, heads.width / 2);
        Operands.optional("sine", sine, ElementType.F32, heads.tokens, heads.width / 2);
        final KernelArguments arguments = new KernelArguments().pointer(x).optionalPointer(weight)
                .optionalPointer(cosine).optionalPointer(sine).pointer(out);
        launch(stream, "qk_norm_rope", heads, heads.end(arguments).i32(pairs.number()).f32(eps));
    }

    /**
     * The same with angles from positions on three axes: the angle of a pair is the position on its axis times its
     * frequency; elements i and i + D/2 form a pair.
     *
     * @param x           [tokens, heads, D]
     * @param weight      [D], or null for no norm
     * @param positions   [3, tokens], I32: time, row, column; rows may lie apart
     * @param frequencies [D/2], F32
     * @param sections    how many pairs follow each axis, together D/2
     * @param interleaved whether axes alternate pair by pair, or follow one another
     * @param out         [tokens, heads, D]; may be x
     */
    public void qkNormRopeMultimodal(final CudaStream stream, final TensorView x, final TensorView weight,
            final float eps, final TensorView positions, final TensorView frequencies, final int[] sections,
            final boolean interleaved, final TensorView out) {
        final Heads heads = new Heads(x, weight, out);
        positions.requireType("positions", ElementType.I32).requireShape("positions", AXES, heads.tokens)
                .requireRows("positions");
        Operands.dense("frequencies", frequencies, ElementType.F32, heads.width / 2);
        if (sections.length != AXES || sections[0] < 0 || sections[1] < 0 || sections[2] < 0
                || (long) sections[0] + sections[1] + sections[2] != heads.width / 2) {
            throw new IllegalArgumentException("sections " + Arrays.toString(sections) + " of heads of "
                    + heads.width + ": three of them must sum to " + heads.width / 2);
        }
        final KernelArguments arguments = new KernelArguments().pointer(x).optionalPointer(weight).pointer(positions)
                .pointer(frequencies).pointer(out);
        launch(stream, "qk_norm_rope_multimodal", heads, heads.end(arguments).i64(positions.stride(0)).i32(sections[0])
                .i32(sections[1]).i32(sections[2]).i32(interleaved ? 1 : 0).f32(eps));
    }

    private void launch(final CudaStream stream, final String kernel, final Heads heads,
            final KernelArguments arguments) {
        if (heads.tokens > 0 && heads.count > 0) {
            device.module("rope").kernel(kernel + "_" + heads.type.suffix())
                    .launch(stream, LaunchGeometry.of(heads.blocks(), THREADS), arguments);
        }
    }

    /** The heads of one call. */
    private final class Heads {
        private final ElementType type;
        private final long tokens;
        private final long count;
        private final long width;
        private final long stride;
        private final long outStride;
        private final long perWarp;

        Heads(final TensorView x, final TensorView weight, final TensorView out) {
            type = Operands.floating("x", x).type();
            tokens = x.requireShape("x", -1, -1, -1).size(0);
            count = x.size(1);
            width = x.size(2);
            if (width == 0 || width % 2 != 0) {
                throw new IllegalArgumentException("heads of " + width + " elements: must be even");
            }
            out.requireType("out", type).requireShape("out", tokens, count, width);
            Operands.optional("weight", weight, type, width);
            stride = tokenStride("x", x);
            outStride = tokenStride("out", out);
            // Heads that a warp takes side by side, and then as many as leave enough warps for the device.
            final int accesses = (int) Math.min(Operands.WARP, Math.ceilDiv(width / 2, Operands.vector(type)));
            final long together = Operands.WARP / Operands.powerOfTwo(accesses);
            final long warps = (long) WARPS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
            final long wanted = Math.ceilDiv(Math.ceilDiv(tokens * count, warps), together) * together;
            perWarp = Math.clamp(wanted, 1, Math.max(count, 1));
        }

        KernelArguments end(final KernelArguments arguments) {
            return arguments.i32(tokens).i32(count).i32(width).i64(stride).i64(outStride).i32(perWarp);
        }

        long blocks() {
            return Math.ceilDiv(tokens * Math.ceilDiv(count, perWarp), WARPS_PER_BLOCK);
        }

        private long tokenStride(final String name, final TensorView view) {
            if (view.stride(2) != 1 || count > 1 && view.stride(1) != width) {
                throw new IllegalArgumentException(name + " is " + view + " with strides "
                        + Arrays.toString(view.strides()) + ", but its heads must lie one after the other");
            }
            return view.stride(0);
        }
    }
}
