package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.Padding;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.bytedeco.dnnl.global.dnnl;

/** The operations on a CPU, see the package; safe for use by several threads, each with arenas of its own. */
public final class CpuBackend implements Backend {
    private static final int LARGEST_SLICE_BYTES = 1 << 30;

    // oneDNN's sets of instructions are sets of bits; those below have all that this backend asks for.
    private static final int AVX2 = dnnl.dnnl_cpu_isa_avx2;
    private static final int AVX512 = dnnl.dnnl_cpu_isa_avx512_core;
    private static final int MATRIX_TILES = dnnl.dnnl_cpu_isa_avx512_core_amx;

    private final CpuOptions options;
    private final BlockPool pool;
    private final WorkerPool workers;
    private final boolean split;
    private final Linear linear;
    private final Convolution convolution;
    private final Attention attention;
    private final Rows rows;
    private final Set<CpuArena> arenas =
            Collections.synchronizedSet(Collections.newSetFromMap(new IdentityHashMap<>()));
    private volatile boolean closed;

    private CpuBackend(final CpuOptions options) {
        this.options = options;
        split = switch (options.arithmetic()) {
            case AUTOMATIC -> hasMatrixTiles();
            case SINGLE -> false;
            case SPLIT_BFLOAT16 -> true;
        };
        pool = new BlockPool(options.memoryBudget());
        workers = new WorkerPool(options.threads(), NativeLibraries.openMpThreadControl());
        linear = new Linear(workers, split);
        convolution = new Convolution(workers, split);
        attention = new Attention(workers);
        rows = new Rows(workers);
    }

    /**
     * Loads the libraries and starts the worker threads.
     *
     * @throws IllegalStateException if the libraries do not exist for this platform
     */
    public static CpuBackend open(final CpuOptions options) {
        NativeLibraries.load(options.nativeFolder());
        return new CpuBackend(options);
    }

    @Override
    public String describe() {
        final String threads = workers.ownThreading() ? workers.size() + " worker threads" : "OpenMP's threads";
        final String reason = options.arithmetic() == CpuOptions.Arithmetic.AUTOMATIC
                ? hasMatrixTiles() ? "the CPU has AMX" : "the CPU has no AMX" : "configured so";
        final String arithmetic = split
                ? "with BF16 weights as two BF16 products each, accurate to about 1e-5, other weights in F32"
                : "in F32, BF16 weights being widened on the fly";
        return "CPU (" + isaName() + ") with " + threads + ", oneDNN " + version() + ": matrix products " + arithmetic
                + " (" + reason + "); memory budget " + (options.memoryBudget() >> 20) + " MiB";
    }

    /** Whether products with BF16 weights are computed in two BF16 parts. */
    public boolean splitsProducts() {
        return split;
    }

    @Override
    public DType activationType() {
        return DType.F32;
    }

    @Override
    public MemoryStatus memory() {
        return pool.status();
    }

    @Override
    public Arena openArena(final String purpose) {
        if (closed) {
            throw new IllegalStateException("the CPU backend is closed");
        }
        final CpuArena arena = new CpuArena(this, null, purpose);
        arenas.add(arena);
        return arena;
    }

    @Override
    public Tensor weight(final Arena arena, final HostTensor weight, final WeightRole role) {
        final CpuArena owner = arena(arena);
        Require.that(weight.dtype().isFloating(), "a weight must hold real numbers, got %s", weight);
        return switch (role) {
            case LINEAR -> linear.prepare(owner, Require.rank(weight, 2, "weight"));
            case CONVOLUTION -> convolution.prepare(owner, Require.rank(weight, 4, "weight"));
            case EMBEDDING -> stored(owner, Require.rank(weight, 2, "weight"));
            case VECTOR -> widened(owner, weight, true);
        };
    }

    @Override
    public Tensor upload(final Arena arena, final HostTensor values) {
        return widened(arena(arena), values, false);
    }

    @Override
    public Tensor uploadExact(final Arena arena, final HostTensor values) {
        return widened(arena(arena), values, false);
    }

    @Override
    public HostTensor download(final Tensor tensor) {
        final CpuTensor source = Operands.single(tensor, "tensor");
        final long bytes = source.shape().elements() * Float.BYTES;
        Require.that(bytes <= Integer.MAX_VALUE, "a download of %s exceeds 2 GiB, take slices", tensor);
        final ByteBuffer copy = ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (long start = 0; start < bytes; start += LARGEST_SLICE_BYTES) {
            copy.put(Address.bytes(source.address() + start, Math.min(LARGEST_SLICE_BYTES, bytes - start)));
        }
        return new HostTensor(source.shape(), DType.F32, copy.flip());
    }

    @Override
    public Tensor slice(final Tensor x, final long offset, final Shape shape) {
        return Operands.own(x, "x").view(offset, shape);
    }

    @Override
    public Tensor concat(final Arena arena, final Tensor... parts) {
        Require.that(parts.length > 0, "nothing to concatenate");
        final CpuTensor[] sources = new CpuTensor[parts.length];
        long length = 0;
        for (int i = 0; i < parts.length; i++) {
            sources[i] = Operands.own(parts[i], "part");
            Require.that(Require.inner(sources[i]).equals(Require.inner(sources[0]))
                    && sources[i].dtype() == sources[0].dtype(),
                    "parts %s do not fit together", Arrays.toString(parts));
            length += sources[i].shape().extent(0);
        }
        final long[] extents = sources[0].shape().toArray();
        extents[0] = length;
        final CpuTensor result = arena(arena).allocate(sources[0].dtype(), Shape.of(extents));
        long place = result.address();
        for (final CpuTensor source : sources) {
            final long bytes = source.shape().elements() * source.dtype().bytes();
            NativeCopies.copy(workers, source.address(), place, bytes);
            place += bytes;
        }
        return result;
    }

    @Override
    public void store(final Tensor target, final long row, final Tensor rows) {
        final CpuTensor place = Operands.own(target, "target");
        final CpuTensor source = Operands.own(rows, "rows");
        Require.that(Require.inner(place).equals(Require.inner(source)) && place.dtype() == source.dtype(),
                "rows %s do not fit into %s", rows, target);
        Require.that(row >= 0 && row + source.shape().extent(0) <= place.shape().extent(0),
                "%s rows at row %s lie outside %s", source.shape().extent(0), row, target);
        NativeCopies.copy(workers, source.address(), place.address(row * Require.inner(place).elements()),
                source.shape().elements() * source.dtype().bytes());
    }

    @Override
    public void storeColumns(final Tensor target, final long column, final Tensor columns) {
        final CpuTensor place = Operands.own(target, "target");
        final CpuTensor source = Operands.own(columns, "columns");
        Require.columns(place, column, source);
        final long width = source.shape().extent(1);
        for (long row = 0; row < source.shape().extent(0); row++) {
            NativeCopies.copy(source.address(row * width), place.address(row * place.shape().extent(1) + column),
                    width * source.dtype().bytes());
        }
    }

    @Override
    public Tensor embedding(final Arena arena, final Tensor table, final int... ids) {
        final CpuTensor source = Operands.own(table, "table");
        final long entries = source.shape().extent(0);
        final long width = source.shape().extent(1);
        for (final int id : ids) {
            Require.that(id >= 0 && id < entries, "token id %s is outside the table of %s entries", id, entries);
        }
        final CpuTensor result = arena(arena).allocate(DType.F32, Shape.of(ids.length, width));
        workers.runRows(ids.length, 16, (worker, first, end) -> {
            for (long i = first; i < end; i++) {
                NativeCopies.widen(worker, source.address(ids[(int) i] * width), source.dtype(),
                        result.address(i * width), width);
            }
        });
        return result;
    }

    @Override
    public Tensor linear(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final Activation activation, final Tensor residual) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        Require.that(weight instanceof LinearWeight, "weight %s was not prepared for linear", weight);
        final LinearWeight matrix = (LinearWeight) weight;
        final long out = matrix.shape().extent(0);
        Require.that(source.shape().extent(1) == matrix.shape().extent(1), "x %s does not fit weight %s", x, weight);
        final Shape shape = Shape.of(source.shape().extent(0), out);
        final CpuTensor result = arena(arena).allocate(DType.F32, shape);
        linear.run(arena(arena), source, matrix, Operands.optional(bias, Shape.of(out), "bias"), activation,
                Operands.optional(residual, shape, "residual"), result);
        return result;
    }

    @Override
    public Tensor activate(final Arena arena, final Tensor x, final Activation activation) {
        final CpuTensor source = Operands.single(x, "x");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.pointwise(activation, source, null, result);
        return result;
    }

    @Override
    public Tensor add(final Arena arena, final Tensor a, final Tensor b) {
        final CpuTensor left = Operands.single(a, "a");
        final CpuTensor right = Operands.shaped(b, left.shape(), "b");
        final CpuTensor result = arena(arena).allocate(DType.F32, left.shape());
        rows.add(left, right, result);
        return result;
    }

    @Override
    public Tensor adaLayerNorm(final Arena arena, final Tensor x, final Tensor shift, final Tensor scale,
            final float eps) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.adaLayerNorm(source, vector(shift, source, "shift"), vector(scale, source, "scale"), eps, result);
        return result;
    }

    @Override
    public Tensor layerNorm(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final float eps) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.layerNorm(source, vector(weight, source, "weight"), vector(bias, source, "bias"), eps, result);
        return result;
    }

    @Override
    public Tensor gatedAdd(final Arena arena, final Tensor residual, final Tensor x, final Tensor gate) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        final CpuTensor base = Operands.shaped(residual, source.shape(), "residual");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.gatedAdd(base, source, vector(gate, source, "gate"), result);
        return result;
    }

    @Override
    public Tensor rmsNorm(final Arena arena, final Tensor x, final Tensor weight, final float eps) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.rmsNorm(source, vector(weight, source, "weight"), eps, result);
        return result;
    }

    @Override
    public Tensor channelNorm(final Arena arena, final Tensor x, final Tensor gamma, final Activation activation) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 3, "x");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.channelNorm(source, vector(gamma, source, "gamma"), activation, result);
        return result;
    }

    @Override
    public Tensor qkNormRope(final Arena arena, final Tensor x, final int heads, final Tensor weight, final float eps,
            final RotaryTable rotary) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 2, "x");
        final long length = source.shape().extent(0);
        final long width = source.shape().extent(1);
        Require.that(heads > 0 && width % heads == 0, "x %s cannot be split into %s heads", x, heads);
        final long size = width / heads;
        if (rotary != null) {
            Require.that(size % 2 == 0, "heads of %s elements cannot be rotated in pairs", size);
            Operands.shaped(rotary.cosine(), Shape.of(length, size / 2), "cosine");
            Operands.shaped(rotary.sine(), Shape.of(length, size / 2), "sine");
        }
        final CpuTensor norm = Operands.optional(weight, Shape.of(size), "weight");
        final CpuTensor result = arena(arena).allocate(DType.F32, Shape.of(length, heads, size));
        rows.normAndRotate(source, heads, norm == null ? null : floats(norm), eps, rotary, result);
        return result;
    }

    @Override
    public Tensor attention(final Arena arena, final Tensor q, final Tensor k, final Tensor v,
            final AttentionPattern pattern, final float scale) {
        final CpuTensor query = Require.rank(Operands.single(q, "q"), 3, "q");
        final CpuTensor key = Require.rank(Operands.single(k, "k"), 3, "k");
        final CpuTensor value = Operands.shaped(v, key.shape(), "v");
        Require.attention(query, key, pattern);
        final CpuTensor result = arena(arena).allocate(DType.F32,
                Shape.of(query.shape().extent(0), query.shape().extent(1) * query.shape().extent(2)));
        attention.run(query, key, value, pattern, scale, result);
        return result;
    }

    @Override
    public Tensor swiGlu(final Arena arena, final Tensor gate, final Tensor up) {
        final CpuTensor source = Operands.single(gate, "gate");
        final CpuTensor factor = Operands.shaped(up, source.shape(), "up");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.pointwise(Activation.SILU, source, factor, result);
        return result;
    }

    @Override
    public Tensor convolution(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final int stride, final Padding padding, final Tensor residual) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 3, "x");
        Require.that(weight instanceof ConvolutionWeight, "weight %s was not prepared for convolution", weight);
        final ConvolutionWeight kernel = (ConvolutionWeight) weight;
        Require.convolution(source, kernel, stride, padding);
        return convolution.run(arena(arena), source, kernel,
                Operands.optional(bias, Shape.of(kernel.shape().extent(0)), "bias"), stride, padding,
                residual == null ? null : Operands.single(residual, "residual"));
    }

    @Override
    public Tensor upsampleNearest(final Arena arena, final Tensor x) {
        final CpuTensor source = Require.rank(Operands.single(x, "x"), 3, "x");
        final Shape shape = source.shape();
        final CpuTensor result = arena(arena).allocate(DType.F32,
                Shape.of(2 * shape.extent(0), 2 * shape.extent(1), shape.extent(2)));
        rows.upsample(source, result);
        return result;
    }

    @Override
    public Tensor guidanceStep(final Arena arena, final Tensor latents, final Tensor conditional,
            final Tensor unconditional, final float trueCfgScale, final Tensor dt) {
        final CpuTensor source = Require.rank(Operands.single(latents, "latents"), 2, "latents");
        final CpuTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.guidanceStep(source, Operands.shaped(conditional, source.shape(), "conditional"),
                Operands.optional(unconditional, source.shape(), "unconditional"), trueCfgScale,
                floats(Operands.shaped(dt, Shape.of(1), "dt"))[0], result);
        return result;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (final CpuArena arena : List.copyOf(arenas)) {
            arena.close();
        }
        workers.close();
        linear.close();
        pool.close();
    }

    /** The memory of a tensor or prepared weight of this kind of backend. */
    static Storage storageOf(final Tensor tensor) {
        if (tensor instanceof CpuTensor plain) {
            return plain.storage();
        }
        if (tensor instanceof LinearWeight weight) {
            return weight.storage();
        }
        if (tensor instanceof ConvolutionWeight weight) {
            return weight.storage();
        }
        throw new IllegalArgumentException("tensor " + tensor + " does not belong to a CPU backend");
    }

    /** The pool that arenas take blocks from. */
    BlockPool pool() {
        return pool;
    }

    /** An outermost arena was closed. */
    void forget(final CpuArena arena) {
        arenas.remove(arena);
    }

    private CpuArena arena(final Arena arena) {
        if (arena instanceof CpuArena own && own.belongsTo(this)) {
            return own;
        }
        throw new IllegalArgumentException(arena + " does not belong to this backend");
    }

    private CpuTensor stored(final CpuArena arena, final HostTensor values) {
        final long size = values.shape().elements() * values.dtype().bytes();
        final CpuTensor result = new CpuTensor(values.shape(), values.dtype(), arena.storage(size, true), 0);
        NativeCopies.copy(workers, values, result.address());
        return result;
    }

    private CpuTensor widened(final CpuArena arena, final HostTensor values, final boolean weight) {
        Require.that(values.dtype().isFloating(), "real numbers are wanted, got %s", values);
        final ByteBuffer bytes = NativeCopies.direct(values.bytes());
        final long from = NativeCopies.addressOf(bytes);
        final long count = values.shape().elements();
        final CpuTensor result =
                new CpuTensor(values.shape(), DType.F32, arena.storage(count * Float.BYTES, weight), 0);
        workers.runRows(count, 1 << 14, (worker, first, end) -> NativeCopies.widen(worker,
                from + first * values.dtype().bytes(), values.dtype(), result.address(first), end - first));
        NativeCopies.keepAlive(bytes);
        return result;
    }

    private static float[] vector(final Tensor tensor, final CpuTensor x, final String name) {
        return floats(Operands.shaped(tensor, Shape.of(x.shape().extent(-1)), name));
    }

    private static float[] floats(final CpuTensor tensor) {
        final float[] values = new float[tensor.shape().intExtent(-1)];
        Address.floats(tensor.address(), values.length).get(values);
        return values;
    }

    private static boolean hasMatrixTiles() {
        return (dnnl.dnnl_get_effective_cpu_isa() & MATRIX_TILES) == MATRIX_TILES;
    }

    private static String isaName() {
        return hasMatrixTiles() ? "AVX-512 and AMX"
                : (dnnl.dnnl_get_effective_cpu_isa() & AVX512) == AVX512 ? "AVX-512"
                : (dnnl.dnnl_get_effective_cpu_isa() & AVX2) == AVX2 ? "AVX2" : "neither AVX2 nor AVX-512";
    }

    private static String version() {
        return dnnl.dnnl_version().major() + "." + dnnl.dnnl_version().minor();
    }
}
