package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Arrays;

/**
 * Attention on any device: {@code attention.cu} where tensor cores serve, {@code attention_general.cu} where they do
 * not (F32, heads that are no multiple of 8, odd strides), {@code attention_decode.cu} for one token over a cache.
 * Scores, softmax and sums are in single precision; queries that see no key get zeros. Any thread may call, each with
 * a stream of its own. Every method throws {@link IllegalArgumentException} for operands that do not fit.
 */
public final class AttentionKernels implements AutoCloseable {
    /** The widest head that there is a kernel for. */
    public static final int WIDEST_HEAD = AttentionTile.widest();

    private static final int CHUNK = 8;
    private static final int[] GENERAL_WIDTHS = {64, 128, 256, 384};
    private static final int GENERAL_THREADS = 128;
    private static final int GENERAL_KEYS = 32;
    private static final int GENERAL_KEY_PADDING = 4;

    private static final int[] DECODE_WIDTHS = {64, 128, 256};
    /** Keys of a warp's step, and query heads of a block: the sides of a matrix fragment. */
    private static final int DECODE_TILE = 16;
    private static final int DECODE_STAGES = 3;
    /** Numbers behind each row of a part: its maximum and its sum, filled up to a whole sector. */
    private static final int DECODE_STATE = 8;
    private static final int DECODE_SHARED_BYTES_PER_BLOCK = 98304;
    private static final int DECODE_MOST_WARPS = 4;
    /** Blocks a multiprocessor: their rings of asynchronous copies fill its shared memory. */
    private static final int DECODE_BLOCKS = 1;
    private static final int MOST_SEQUENCES = 65535;

    private final CudaDevice device;
    private final AttentionOffsets offsets;

    /**
     * Launchers of a device.
     *
     * @param device must stay open as long as this
     */
    public AttentionKernels(final CudaDevice device) {
        this.device = device;
        this.offsets = new AttentionOffsets(device);
    }

    /**
     * softmax(q k^T scale) v.
     *
     * @param stream       in whose order it runs
     * @param q            [Lq, H, D], BF16, F16 or F32, any strides; D at most {@link #WIDEST_HEAD}
     * @param k            [Lk, Hkv, D] of the same type; H is a multiple of Hkv, query head h reads key head
     *                     h / (H / Hkv)
     * @param v            as k
     * @param out          [Lq, H D] of the same type, apart from q, k and v, any stride of rows
     * @param causal       whether query i of a sequence sees keys up to i + (keys - queries) of it only
     * @param queryOffsets sequence s has the queries from queryOffsets[s] to queryOffsets[s + 1]; null for one sequence
     * @param keyOffsets   the same for keys; null for one sequence
     * @param scale        positive, usually 1 / sqrt(D)
     */
    public void attention(final CudaStream stream, final TensorView q, final TensorView k, final TensorView v,
            final TensorView out, final boolean causal, final int[] queryOffsets, final int[] keyOffsets,
            final float scale) {
        requireTensors(q, k, v, out);
        requireScale(scale);
        final boolean several = queryOffsets != null || keyOffsets != null;
        final int[] ofQueries = queryOffsets == null ? new int[] {0, Math.toIntExact(q.size(0))} : queryOffsets;
        final int[] ofKeys = keyOffsets == null ? new int[] {0, Math.toIntExact(k.size(0))} : keyOffsets;
        AttentionOffsets.require("query", q.size(0), ofQueries);
        AttentionOffsets.require("key", k.size(0), ofKeys);
        if (ofQueries.length != ofKeys.length) {
            throw new IllegalArgumentException(ofQueries.length + " query offsets and " + ofKeys.length
                    + " key offsets; there must be as many");
        }
        if (q.elements() == 0) {
            return;
        }
        final Call call = new Call(stream, q, k, v, out, causal, AttentionOffsets.lengths(ofQueries), scale);
        if (!several) {
            launch(call, 0, 0, 1);
            return;
        }
        final DeviceBuffer queries = offsets.onDevice(ofQueries);
        final DeviceBuffer keys = offsets.onDevice(ofKeys);
        for (int first = 0; first < ofQueries.length - 1; first += MOST_SEQUENCES) {
            final long skipped = (long) first * Integer.BYTES;
            launch(call, queries.address() + skipped, keys.address() + skipped,
                    Math.min(MOST_SEQUENCES, ofQueries.length - 1 - first));
        }
        queries.usedOn(stream);
        keys.usedOn(stream);
    }

    /**
     * softmax(q k^T scale) v for one token over the first rows of a cache.
     *
     * @param stream       in whose order it runs
     * @param q            [1, H, D], BF16, F16 or F32
     * @param k            [capacity, Hkv, D] of the same type; H is a multiple of Hkv
     * @param v            as k
     * @param out          [1, H D] of the same type, contiguous
     * @param length       rows of the cache that are seen
     * @param deviceLength [1], I32, read instead of {@code length} when the kernel runs, so that a captured graph
     *                     serves a cache that grows up to {@code length}; or null
     * @param scale        positive, usually 1 / sqrt(D)
     */
    public void decode(final CudaStream stream, final TensorView q, final TensorView k, final TensorView v,
            final TensorView out, final int length, final TensorView deviceLength, final float scale) {
        requireTensors(q, k, v, out);
        requireScale(scale);
        q.requireShape("q", 1, -1, -1);
        out.requireContiguous("out");
        if (length < 0 || length > k.size(0)) {
            throw new IllegalArgumentException("length " + length + " of a cache of " + k.size(0) + " rows");
        }
        if (deviceLength != null) {
            Operands.dense("deviceLength", deviceLength, ElementType.I32, 1);
        }
        final int width = Math.toIntExact(q.size(2));
        if (q.elements() == 0) {
            return;
        }
        if (!onTensorCores(q, k, v) || width > DECODE_WIDTHS[DECODE_WIDTHS.length - 1]) {
            decodeGeneral(stream, q, k, v, out, length, deviceLength, scale);
            return;
        }
        final int heads = Math.toIntExact(q.size(1));
        final int keyHeads = Math.toIntExact(k.size(1));
        final int rowTiles = Math.ceilDiv(heads / keyHeads, DECODE_TILE);
        final int limit = fitting(width, DECODE_WIDTHS);
        final int warpBytes = DECODE_STAGES * 2 * DECODE_TILE * limit * q.type().bytes();
        final int warps = Math.min(DECODE_MOST_WARPS, DECODE_SHARED_BYTES_PER_BLOCK / warpBytes);
        final int splits = splits(length, warps * DECODE_TILE, keyHeads * rowTiles);
        final int tiles = keyHeads * rowTiles;
        final long partBytes = (long) DECODE_TILE * (limit + DECODE_STATE) * Float.BYTES;
        try (DeviceBuffer workspace = stream.allocate(splits == 1 ? 1 : tiles * splits * partBytes);
             DeviceBuffer counters = stream.allocate((long) tiles * Integer.BYTES)) {
            if (splits > 1) {
                stream.fill(counters, (byte) 0);
            }
            device.module("attention_decode").kernel("attention_decode_" + limit + "_" + q.type().suffix())
                    .launch(stream, LaunchGeometry.of(splits, keyHeads, rowTiles, warps * Operands.WARP,
                            warps * warpBytes), new KernelArguments().pointer(q).pointer(k).pointer(v).pointer(out)
                            .optionalPointer(deviceLength).i32(length).i32(heads / keyHeads).i32(width)
                            .i32(stride(q, 1)).i32(stride(k, 0)).i32(stride(k, 1)).i32(stride(v, 0)).i32(stride(v, 1))
                            .f32(exponentScale(scale)).pointer(workspace).pointer(counters));
        }
    }

    /** Frees what is kept on the device; work that uses it may still run. */
    @Override
    public void close() {
        offsets.close();
    }

    /** So many that every multiprocessor has its blocks, as long as each warp has keys. */
    private int splits(final int length, final int step, final int tiles) {
        final int wanted = DECODE_BLOCKS * device.properties().multiprocessors() / tiles;
        return Math.max(1, Math.min(wanted, Math.ceilDiv(length, step)));
    }

    private void decodeGeneral(final CudaStream stream, final TensorView q, final TensorView k, final TensorView v,
            final TensorView out, final int length, final TensorView deviceLength, final float scale) {
        if (deviceLength != null) {
            throw new IllegalArgumentException("a length on the device needs BF16 or F16 heads of at most "
                    + DECODE_WIDTHS[DECODE_WIDTHS.length - 1] + " elements, a multiple of " + CHUNK
                    + ", at multiples of " + Operands.ACCESS_BYTES + " bytes; q is " + q + ", k is " + k);
        }
        final TensorView keys = k.slice(0, 0, length);
        launch(new Call(stream, q, keys, v.slice(0, 0, length), out, false, new int[] {1}, scale), 0, 0, 1);
    }

    /** A call, checked. */
    private record Call(CudaStream stream, TensorView q, TensorView k, TensorView v, TensorView out, boolean causal,
            int[] lengths, float scale) {
        private int width() {
            return Math.toIntExact(q.size(2));
        }

        private int heads() {
            return Math.toIntExact(q.size(1));
        }

        private LaunchGeometry geometry(final int rows, final int sequences, final int threads, final int shared) {
            final int longest = Arrays.stream(lengths).max().orElse(0);
            return LaunchGeometry.of(Math.max(1, Math.ceilDiv(longest, rows)), heads(), sequences, threads, shared);
        }

        private KernelArguments arguments(final long queryOffsets, final long keyOffsets) {
            return new KernelArguments().pointer(q).pointer(k).pointer(v).pointer(out).pointer(queryOffsets)
                    .pointer(keyOffsets).i32(q.size(0)).i32(k.size(0)).i32(q.size(1) / k.size(1)).i32(q.size(2));
        }
    }

    private void launch(final Call call, final long queryOffsets, final long keyOffsets, final int sequences) {
        final TensorView q = call.q();
        final TensorView k = call.k();
        final TensorView v = call.v();
        final KernelArguments arguments = call.arguments(queryOffsets, keyOffsets);
        final float scale = exponentScale(call.scale());
        final int causal = call.causal() ? 1 : 0;
        if (onTensorCores(q, k, v) && aligned(call.out())) {
            final AttentionTile tile = AttentionTile.choose(call.width(), call.lengths(), call.heads(),
                    device.properties());
            device.module("attention").kernel(tile.entry() + "_" + q.type().suffix()).launch(call.stream(),
                    call.geometry(tile.rows(), sequences, AttentionTile.THREADS, tile.sharedBytes()),
                    arguments.i32(stride(q, 0)).i32(stride(q, 1)).i32(stride(k, 0)).i32(stride(k, 1))
                            .i32(stride(v, 0)).i32(stride(v, 1)).i32(stride(call.out(), 0)).f32(scale).i32(causal));
            return;
        }
        final int limit = fitting(call.width(), GENERAL_WIDTHS);
        final int rows = limit == WIDEST_HEAD ? 16 : 32;
        final int shared = Float.BYTES * (rows * limit + GENERAL_KEYS * (limit + GENERAL_KEY_PADDING)
                + rows * GENERAL_KEYS);
        device.module("attention_general").kernel("attention_general_" + limit + "_" + q.type().suffix())
                .launch(call.stream(), call.geometry(rows, sequences, GENERAL_THREADS, shared), arguments
                        .i32(stride(q, 0)).i32(stride(q, 1)).i32(stride(q, 2))
                        .i32(stride(k, 0)).i32(stride(k, 1)).i32(stride(k, 2))
                        .i32(stride(v, 0)).i32(stride(v, 1)).i32(stride(v, 2))
                        .i32(stride(call.out(), 0)).f32(scale).i32(causal));
    }

    private static boolean onTensorCores(final TensorView q, final TensorView k, final TensorView v) {
        return q.type() != ElementType.F32 && q.size(2) % CHUNK == 0 && aligned(q) && aligned(k) && aligned(v);
    }

    /** Whether rows of 16 bytes can be read: the last axis without gaps, everything else at multiples of 16 bytes. */
    private static boolean aligned(final TensorView view) {
        boolean aligned = view.address() % Operands.ACCESS_BYTES == 0 && (view.size(-1) == 1 || view.stride(-1) == 1);
        for (int axis = 0; aligned && axis < view.rank() - 1; axis++) {
            aligned = view.size(axis) <= 1 || view.stride(axis) * view.type().bytes() % Operands.ACCESS_BYTES == 0;
        }
        return aligned;
    }

    /** Stride of an axis; that of a single row is not used, and may be anything. */
    private static long stride(final TensorView view, final int axis) {
        return view.size(axis) <= 1 ? 0 : view.stride(axis);
    }

    /** Of widths in rising order the first that is wide enough. */
    private static int fitting(final int width, final int[] widths) {
        return Arrays.stream(widths).filter(limit -> limit >= width).findFirst().orElseThrow();
    }

    /** Softmax is computed in powers of two. */
    private static float exponentScale(final float scale) {
        return (float) (scale / Math.log(2));
    }

    private static void requireScale(final float scale) {
        if (!(scale > 0) || scale == Float.POSITIVE_INFINITY) {
            throw new IllegalArgumentException("scale of " + scale + "; it must be positive and finite");
        }
    }

    private static void requireTensors(final TensorView q, final TensorView k, final TensorView v,
            final TensorView out) {
        Operands.floating("q", q).requireShape("q", -1, -1, -1);
        if (q.size(2) > WIDEST_HEAD) {
            throw new IllegalArgumentException("q is " + q + "; heads may have at most " + WIDEST_HEAD + " elements");
        }
        k.requireType("k", q.type()).requireShape("k", -1, -1, q.size(2));
        v.requireType("v", q.type()).requireShape("v", k.shape());
        out.requireType("out", q.type()).requireShape("out", q.size(0), q.size(1) * q.size(2)).requireRows("out");
        if (k.size(1) == 0 || q.size(1) % k.size(1) != 0) {
            throw new IllegalArgumentException("q is " + q + " and k is " + k
                    + "; the heads of q must be a multiple of those of k");
        }
        for (final TensorView view : new TensorView[] {q, k, v, out}) {
            for (final long stride : view.strides()) {
                if (stride < 0) {
                    throw new IllegalArgumentException(view + " has the strides " + Arrays.toString(view.strides())
                            + "; none may be negative");
                }
            }
        }
    }
}
