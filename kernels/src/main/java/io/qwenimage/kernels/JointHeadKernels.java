package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Queries, keys and values of joint attention in one launch, {@code qk_norm_rope_joint} of {@code rope.cu}: norm and
 * rotation of queries and keys, and both streams brought into one order. Every method throws
 * {@link IllegalArgumentException} for operands that do not fit.
 */
public final class JointHeadKernels {
    /** As many sequences as the kernel takes by value. */
    public static final int MOST_SEQUENCES = 8;

    private static final int THREADS = 128;
    private static final int WARPS_PER_BLOCK = THREADS / Operands.WARP;
    private static final int WARPS_PER_MULTIPROCESSOR = 16;
    private static final int PARTS = 3;

    private final CudaDevice device;

    /**
     * One stream's projections.
     *
     * @param query       [tokens, heads, D], without gaps; may lie where the result has the stream's tokens, if they
     *                    follow one another there
     * @param key         as the query
     * @param value       as the query, or null if the result has the values already
     * @param queryWeight of the norm, [D], or null for none
     * @param keyWeight   the same for keys
     * @param cosine      [tokens, D/2], F32, or null for no rotation
     * @param sine        as the cosine
     * @param offsets     sequence s has the tokens from offsets[s] to offsets[s + 1]
     */
    public record Stream(TensorView query, TensorView key, TensorView value, TensorView queryWeight,
            TensorView keyWeight, TensorView cosine, TensorView sine, int[] offsets) {
        private void require(final String name, final ElementType type, final long heads, final long width,
                final int sequences) {
            final long tokens = query.size(0);
            Operands.dense(name + " query", query, type, tokens, heads, width);
            Operands.dense(name + " key", key, type, tokens, heads, width);
            Operands.optional(name + " value", value, type, tokens, heads, width);
            Operands.optional(name + " query weight", queryWeight, type, width);
            Operands.optional(name + " key weight", keyWeight, type, width);
            if ((cosine == null) != (sine == null)) {
                throw new IllegalArgumentException(name + " cosine is " + cosine + ", but sine is " + sine);
            }
            Operands.optional(name + " cosine", cosine, ElementType.F32, tokens, width / 2);
            Operands.optional(name + " sine", sine, ElementType.F32, tokens, width / 2);
            AttentionOffsets.require(name, tokens, offsets);
            if (offsets.length != sequences + 1) {
                throw new IllegalArgumentException(name + " offsets " + Arrays.toString(offsets) + ", but there are "
                        + sequences + " sequences");
            }
        }

        /** {@code JointStream} of rope.cu. */
        private byte[] packed() {
            final ByteBuffer bytes = ByteBuffer.allocate(7 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (final TensorView view : new TensorView[] {query, key, value, queryWeight, keyWeight, cosine, sine}) {
                bytes.putLong(view == null ? 0 : view.address());
            }
            return bytes.array();
        }
    }

    /** Launchers of a device. */
    public JointHeadKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * Brings both streams into the order of joint attention: of even sequences the tokens of the first stream, then
     * those of the second, of odd ones the other way round.
     *
     * @param out [3, tokens of both, heads, D], without gaps: queries, keys, values
     */
    public void joint(final CudaStream stream, final Stream first, final Stream second, final float eps,
            final RotaryPairs pairs, final TensorView out) {
        final ElementType type = Operands.floating("query", first.query()).type();
        first.query().requireShape("query", -1, -1, -1);
        final long heads = first.query().size(1);
        final long width = first.query().size(2);
        final int sequences = first.offsets().length - 1;
        if (width == 0 || width % 2 != 0) {
            throw new IllegalArgumentException("heads of " + width + " elements: must be even");
        }
        if (sequences < 1 || sequences > MOST_SEQUENCES) {
            throw new IllegalArgumentException(sequences + " sequences; from 1 to " + MOST_SEQUENCES + " are taken");
        }
        first.require("first stream", type, heads, width, sequences);
        second.require("second stream", type, heads, width, sequences);
        final long tokens = first.query().size(0) + second.query().size(0);
        Operands.dense("out", out, type, PARTS, tokens, heads, width);
        if (tokens == 0 || heads == 0) {
            return;
        }
        final long perWarp = headsPerWarp(type, tokens, heads, width);
        final long blocks = Math.ceilDiv(tokens * Math.ceilDiv(heads, perWarp), WARPS_PER_BLOCK);
        device.module("rope").kernel("qk_norm_rope_joint_" + type.suffix()).launch(stream,
                LaunchGeometry.of(blocks, 2, 1, THREADS, 0), new KernelArguments()
                        .struct(first.packed(), Long.BYTES).struct(second.packed(), Long.BYTES)
                        .struct(order(first.offsets(), second.offsets()), Integer.BYTES).pointer(out).i32(tokens)
                        .i32(heads).i32(width).i32(perWarp).i32(pairs.number()).f32(eps));
    }

    /** Heads of queries and keys that a warp takes side by side, and then as many as leave enough warps for the device. */
    private long headsPerWarp(final ElementType type, final long tokens, final long heads, final long width) {
        final int accesses = (int) Math.min(Operands.WARP, Math.ceilDiv(width / 2, Operands.vector(type)));
        final long together = Operands.WARP / Operands.powerOfTwo(accesses);
        final long warps = (long) WARPS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
        final long wanted = Math.ceilDiv(Math.ceilDiv(2 * tokens * heads, warps), together) * together;
        return Math.clamp(wanted, 1, heads);
    }

    /** {@code JointOrder} of rope.cu. */
    private static byte[] order(final int[] first, final int[] second) {
        final ByteBuffer bytes = ByteBuffer.allocate((1 + 2 * (MOST_SEQUENCES + 1)) * Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(first.length - 1);
        for (final int[] offsets : new int[][] {first, second}) {
            for (int s = 0; s <= MOST_SEQUENCES; s++) {
                bytes.putInt(offsets[Math.min(s, offsets.length - 1)]);
            }
        }
        return bytes.array();
    }
}
