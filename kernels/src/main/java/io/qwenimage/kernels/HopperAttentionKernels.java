package io.qwenimage.kernels;

import io.qwenimage.kernels.AttentionSchedule.Item;
import io.qwenimage.kernels.AttentionSchedule.Sequence;
import io.qwenimage.kernels.driver.ComputeCapability;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.KernelFunction;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorMap;
import io.qwenimage.kernels.driver.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Attention for head dimension 128 on Hopper GPUs (compute capability 9.0), attention_hopper.cu. A schedule is made for
 * each shape and kept on the device; any thread may call, each with a stream of its own.
 */
public final class HopperAttentionKernels implements AutoCloseable {
    /** The dimension of a head that this kernel is for. */
    public static final int HEAD = 128;
    /** What rows and addresses are multiples of, in bytes. */
    public static final int ALIGNMENT = 16;
    /** The compute capability that this kernel is for. */
    public static final ComputeCapability CAPABILITY = new ComputeCapability(9, 0);

    // The shape of the tile, as in attention_hopper.cu.
    private static final int CONSUMERS = 2;
    private static final int STAGES = 2;
    static final int QUERY_TILE = 64 * CONSUMERS;
    static final int KEY_TILE = 128;
    private static final int WARPGROUP = 128;
    static final int COUNTERS_PER_TILE = 4 * CONSUMERS;
    static final int THREADS = WARPGROUP * (1 + CONSUMERS);
    private static final int ELEMENT_BYTES = 2;
    private static final int BARRIERS = 2 + 4 * STAGES;
    /** {@code sizeof(Shared)}, a multiple of its alignment. */
    static final int SHARED_BYTES = Math.ceilDiv(HEAD * ELEMENT_BYTES * (QUERY_TILE + 2 * STAGES * KEY_TILE)
            + 2 * Item.INTS * Integer.BYTES + BARRIERS * Long.BYTES, 1024) * 1024;
    /** Output in single precision, then maxima and sums, by 16 bytes for each thread. */
    static final long SLOT_BYTES = CONSUMERS * WARPGROUP * (HEAD / 8 + 1) * 16L;

    /** Elements of a swizzled row of shared memory: the tensor maps see a head as two panels of so many columns. */
    private static final int PANEL = 64;
    /** Shapes whose schedules are kept; a schedule takes about a hundred kilobytes. */
    private static final int KEPT_PLANS = 64;

    private final CudaDevice device;
    private final int blocks;
    private final CudaStream setup;
    private final Map<Shape, Plan> plans = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    /** What a schedule depends on. */
    private record Shape(List<Sequence> sequences, int heads, int keyHeads, boolean causal) {
    }

    /** A schedule on the device. */
    private record Plan(DeviceBuffer items, DeviceBuffer firstItems, int lists, int slots, int divided) {
        private void close() {
            items.close();
            firstItems.close();
        }
    }

    /**
     * @param device of compute capability 9.0; must stay open as long as this
     * @throws IllegalArgumentException for another device
     */
    public HopperAttentionKernels(final CudaDevice device) {
        this(device, device.properties().multiprocessors());
    }

    /** With a grid of fewer blocks, each of which then has more to do. */
    HopperAttentionKernels(final CudaDevice device, final int blocks) {
        if (!suits(device)) {
            throw new IllegalArgumentException(device.properties().title() + " is not of compute capability "
                    + CAPABILITY + "; use AttentionKernels");
        }
        this.device = device;
        this.blocks = blocks;
        this.setup = device.openStream();
    }

    /** Whether this kernel runs on a device. */
    public static boolean suits(final CudaDevice device) {
        return device.capability().equals(CAPABILITY);
    }

    /**
     * softmax(q k^T scale) v, with scores, softmax and sums in single precision.
     *
     * @param stream       in whose order it runs
     * @param q            [Lq, H, 128], BF16 or F16; rows and heads at any multiple of 16 bytes, as in a fused buffer
     * @param k            [Lk, Hkv, 128] of the same type; H is a multiple of Hkv, query head h reads key head
     *                     h / (H / Hkv)
     * @param v            as k
     * @param out          [Lq, H * 128] of the same type, apart from q, k and v; rows at any multiple of 16 bytes.
     *                     Queries that see no key get zeros
     * @param causal       whether query i of a sequence sees keys up to i + (keys - queries) of it only
     * @param queryOffsets sequence s has the queries from queryOffsets[s] to queryOffsets[s + 1]; null for one sequence
     * @param keyOffsets   the same for keys; null for one sequence
     * @param scale        positive, usually 1 / sqrt(128)
     */
    public void attention(final CudaStream stream, final TensorView q, final TensorView k, final TensorView v,
                          final TensorView out, final boolean causal, final int[] queryOffsets, final int[] keyOffsets,
                          final float scale) {
        requireTensors(q, k, v, out);
        if (!(scale > 0) || scale == Float.POSITIVE_INFINITY) {
            throw new IllegalArgumentException("scale of " + scale + "; it must be positive and finite");
        }
        final int heads = Math.toIntExact(q.size(1));
        final int keyHeads = Math.toIntExact(k.size(1));
        final List<Sequence> sequences = sequences(q.size(0), queryOffsets, k.size(0), keyOffsets);
        if (q.elements() == 0) {
            return;
        }
        synchronized (this) {
            launch(stream, q, k, v, out, plan(new Shape(sequences, heads, keyHeads, causal)), scale);
        }
    }

    private void launch(final CudaStream stream, final TensorView q, final TensorView k, final TensorView v,
                        final TensorView out, final Plan plan, final float scale) {
        final KernelFunction kernel = device.module("attention_hopper").kernel("attention_hopper_" + q.type().suffix());
        // Without keys nothing is loaded, but a map cannot be empty.
        final boolean keys = k.size(0) > 0;
        final long counterBytes = Math.max(plan.divided() * COUNTERS_PER_TILE, 1) * (long) Integer.BYTES;
        try (DeviceBuffer workspace = stream.allocate(Math.max(plan.slots() * SLOT_BYTES, 1));
             DeviceBuffer counters = stream.allocate(counterBytes)) {
            if (plan.divided() > 0) {
                stream.fill(counters, (byte) 0);
            }
            kernel.launch(stream, LaunchGeometry.of(plan.lists(), 1, 1, THREADS, SHARED_BYTES), new KernelArguments()
                    .tensorMap(map(q, QUERY_TILE))
                    .tensorMap(map(keys ? k : q, KEY_TILE))
                    .tensorMap(map(keys ? v : q, KEY_TILE))
                    .pointer(out).i64(out.stride(0)).f32((float) (scale / Math.log(2)))
                    .pointer(plan.items()).pointer(plan.firstItems()).pointer(workspace).pointer(counters));
            plan.items().usedOn(stream);
            plan.firstItems().usedOn(stream);
        }
    }

    /** A box of so many rows of one head: [heads, panels, rows, 64]. */
    private static TensorMap map(final TensorView tensor, final int rows) {
        final long[] strides = {tensor.size(1) == 1 ? HEAD : tensor.stride(1), PANEL,
                tensor.size(0) == 1 ? HEAD : tensor.stride(0), 1};
        final long[] shape = {tensor.size(1), HEAD / PANEL, tensor.size(0), PANEL};
        return TensorMap.tiled(new TensorView(tensor.address(), tensor.type(), shape, strides),
                new int[] {1, HEAD / PANEL, rows, PANEL}, TensorMap.Swizzle.BYTES_128, TensorMap.L2Promotion.BYTES_256);
    }

    private Plan plan(final Shape shape) {
        if (closed) {
            throw new IllegalStateException("the attention kernels of " + device.properties().title() + " are closed");
        }
        final Plan known = plans.get(shape);
        if (known != null) {
            return known;
        }
        if (plans.size() == KEPT_PLANS) {
            final Iterator<Plan> oldest = plans.values().iterator();
            oldest.next().close();
            oldest.remove();
        }
        final AttentionSchedule schedule = AttentionSchedule.of(shape.sequences(), shape.heads(), shape.keyHeads(),
                shape.causal(), QUERY_TILE, KEY_TILE, blocks);
        final Plan plan = new Plan(upload(schedule.items(COUNTERS_PER_TILE)), upload(schedule.firstItems()),
                schedule.lists().size(), schedule.slots(), schedule.divided());
        setup.synchronize();
        plans.put(shape, plan);
        return plan;
    }

    private DeviceBuffer upload(final int[] values) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * Integer.BYTES)
                .order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(values);
        return device.upload(setup, bytes);
    }

    private static void requireTensors(final TensorView q, final TensorView k, final TensorView v,
                                       final TensorView out) {
        q.requireType("q", ElementType.BF16, ElementType.F16).requireShape("q", -1, -1, HEAD);
        k.requireType("k", q.type()).requireShape("k", -1, -1, HEAD);
        v.requireType("v", q.type()).requireShape("v", k.shape());
        out.requireType("out", q.type()).requireShape("out", q.size(0), q.size(1) * HEAD);
        if (k.size(1) == 0 || q.size(1) % k.size(1) != 0) {
            throw new IllegalArgumentException("q is " + q + " and k is " + k
                    + "; the heads of q must be a multiple of those of k");
        }
        q.requireRows("q").requireAlignment("q", ALIGNMENT);
        k.requireRows("k").requireAlignment("k", ALIGNMENT);
        v.requireRows("v").requireAlignment("v", ALIGNMENT);
        out.requireRows("out").requireAlignment("out", ALIGNMENT);
    }

    private static List<Sequence> sequences(final long queries, final int[] queryOffsets, final long keys,
                                            final int[] keyOffsets) {
        final int[] ofQueries = offsets("query", queries, queryOffsets);
        final int[] ofKeys = offsets("key", keys, keyOffsets);
        if (ofQueries.length != ofKeys.length) {
            throw new IllegalArgumentException(ofQueries.length + " query offsets and " + ofKeys.length
                    + " key offsets; there must be as many");
        }
        final List<Sequence> sequences = new ArrayList<>();
        for (int s = 0; s + 1 < ofQueries.length; s++) {
            sequences.add(new Sequence(ofQueries[s], ofQueries[s + 1] - ofQueries[s], ofKeys[s],
                    ofKeys[s + 1] - ofKeys[s]));
        }
        return sequences;
    }

    private static int[] offsets(final String name, final long length, final int[] offsets) {
        final int[] result = offsets == null ? new int[] {0, Math.toIntExact(length)} : offsets.clone();
        boolean valid = result.length > 0 && result[0] == 0 && result[result.length - 1] == length;
        for (int s = 0; valid && s + 1 < result.length; s++) {
            valid = result[s] <= result[s + 1];
        }
        if (!valid) {
            throw new IllegalArgumentException(name + " offsets " + Arrays.toString(result)
                    + "; they must begin with 0, never fall, and end with the " + length + " rows of the tensor");
        }
        return result;
    }

    /** Frees the schedules; work that uses them may still run. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plans.values().forEach(Plan::close);
            plans.clear();
            setup.close();
        }
    }
}
