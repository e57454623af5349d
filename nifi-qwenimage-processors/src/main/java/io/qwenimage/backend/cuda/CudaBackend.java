package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.GatedNorm;
import io.qwenimage.backend.JointHeads;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.Padding;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.kernels.JointHeadKernels;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaException;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.CudaUnavailableException;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.DeviceLostException;
import io.qwenimage.kernels.driver.DeviceMemoryException;
import io.qwenimage.kernels.driver.DeviceProperties;
import io.qwenimage.kernels.driver.MemoryBooks;
import io.qwenimage.kernels.driver.MemoryPool;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The operations on an NVIDIA GPU, see the package. All work goes to one stream in the order in which it is asked for;
 * nothing waits for the device but downloads. Safe for use by several threads, each with arenas of its own.
 */
public final class CudaBackend implements Backend {
    /** What is left to the driver, the libraries and their kernels where no budget is given. */
    private static final double SHARE_OF_FREE_MEMORY = 0.92;

    private final CudaOptions options;
    private final CudaDevice device;
    private final CudaStream stream;
    private final MatrixProducts products;
    private final Weights weights;
    private final Copies copies;
    private final Projections projections;
    private final RowOperations rows;
    private final HeadOperations heads;
    private final JointOperation jointHeads;
    private final GatedNormOperation gatedNorms;
    private final ReentrantLock passes = new ReentrantLock(true);
    private final Set<CudaArena> arenas = Collections.newSetFromMap(new IdentityHashMap<>());
    private long weightBytes;
    private boolean closed;

    private CudaBackend(final CudaOptions options, final CudaDevice device) {
        this.options = options;
        this.device = device;
        stream = device.openStream();
        products = new MatrixProducts(stream);
        weights = new Weights(stream, options.activationType());
        copies = new Copies(stream);
        projections = new Projections(stream, products, options.libraryFolder());
        rows = new RowOperations(stream);
        heads = new HeadOperations(stream);
        jointHeads = new JointOperation(stream, options.activationType(), projections);
        gatedNorms = new GatedNormOperation(stream, options.activationType());
    }

    /**
     * Opens the device and loads the libraries.
     *
     * @throws IllegalStateException if the driver, the device or a library is missing; the message says which and what
     *                               brings it
     */
    public static Backend open(final CudaOptions options) {
        final long budget;
        final CudaDevice device;
        try {
            budget = options.memoryBudget() > 0 ? options.memoryBudget() : budget(options.ordinal());
            device = CudaDevice.open(options.ordinal(), budget);
        } catch (final CudaUnavailableException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
        try {
            device.limitWaits(options.waitLimit());
            CudaLibraries.load(options.libraryFolder());
            return CudaFaults.told(new CudaBackend(options.withMemoryBudget(budget), device));
        } catch (final RuntimeException | LinkageError e) {
            device.close();
            throw e;
        }
    }

    private static long budget(final int ordinal) {
        try (CudaDevice device = CudaDevice.open(ordinal, 1)) {
            return (long) (SHARE_OF_FREE_MEMORY * device.freeMemory());
        }
    }

    @Override
    public String describe() {
        final DeviceProperties properties = device.properties();
        return properties.title() + ", driver for CUDA " + properties.driverVersion() / 1000 + "."
                + properties.driverVersion() % 1000 / 10 + ", cuBLASLt " + MatrixProducts.version() + ": activations in "
                + options.activationType() + ", attention by " + heads.describe() + ", convolutions "
                + projections.describeConvolutions() + "; memory budget " + (options.memoryBudget() >> 20) + " MiB";
    }

    @Override
    public DType activationType() {
        return options.activationType();
    }

    @Override
    public synchronized MemoryStatus memory() {
        final MemoryBooks books = device.memory().books();
        final long own = products.workspaceBytes();
        return new MemoryStatus(books.budget(), own, weightBytes, books.inUse() - weightBytes - own, books.pooled());
    }

    @Override
    public Optional<String> loss() {
        return device.loss().map(DeviceLostException::getMessage);
    }

    /** The same, after asking the device whether something has happened that nobody has noticed yet. */
    synchronized Optional<String> findLoss() {
        if (!device.isLost() && !stream.isCapturing()) {
            try {
                stream.isDone();
            } catch (final CudaException | IllegalStateException e) {
                return loss();
            }
        }
        return loss();
    }

    @Override
    public synchronized Arena openArena(final String purpose) {
        if (closed) {
            throw new IllegalStateException("the CUDA backend is closed");
        }
        final CudaArena arena = new CudaArena(this, null, purpose);
        arenas.add(arena);
        return arena;
    }

    @Override
    public synchronized Tensor weight(final Arena arena, final HostTensor weight, final WeightRole role) {
        return weights.prepare(arena(arena), weight, role);
    }

    @Override
    public long weightBytes(final long elements) {
        return MemoryPool.blockBytes(elements * activationType().bytes());
    }

    @Override
    public boolean streamsLayers() {
        return true;
    }

    @Override
    public synchronized StreamedLayers layers(final Arena arena, final LayerPlan plan) {
        return plan.streamed() == 0 ? StreamedLayers.resident(arena)
                : new RotatingLayers(this, stream, arena(arena), plan);
    }

    /** Held by whoever is amid streamed layers, or about to be; taken before this backend's own lock, never after. */
    ReentrantLock passes() {
        return passes;
    }

    @Override
    public synchronized Tensor upload(final Arena arena, final HostTensor values) {
        return weights.upload(arena(arena), values, activationType(), false);
    }

    @Override
    public synchronized Tensor uploadExact(final Arena arena, final HostTensor values) {
        return weights.upload(arena(arena), values, DType.F32, false);
    }

    @Override
    public synchronized HostTensor download(final Tensor tensor) {
        final CudaTensor source = Operands.own(tensor, "tensor");
        Require.that(source.shape().elements() * Float.BYTES <= Integer.MAX_VALUE,
                "a download of %s exceeds 2 GiB, take slices", tensor);
        final ByteBuffer copy = ByteBuffer.allocateDirect((int) source.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        weights.download(source, copy);
        final HostTensor raw = new HostTensor(source.shape(), source.dtype(), copy);
        return source.dtype() == DType.F32 ? raw : HostTensor.ofFloats(source.shape(), raw.toFloats());
    }

    @Override
    public Tensor slice(final Tensor x, final long offset, final Shape shape) {
        return Operands.own(x, "x").view(offset, shape);
    }

    @Override
    public synchronized Tensor concat(final Arena arena, final Tensor... parts) {
        final Shape shape = Copies.together(parts);
        final CudaTensor result = arena(arena).allocate(parts[0].dtype(), shape);
        copies.concat(result, parts);
        return result;
    }

    @Override
    public synchronized void store(final Tensor target, final long row, final Tensor rows) {
        copies.store(Operands.own(target, "target"), row, Operands.own(rows, "rows"));
    }

    @Override
    public synchronized void storeColumns(final Tensor target, final long column, final Tensor columns) {
        rows.storeColumns(Operands.own(target, "target"), column, Operands.own(columns, "columns"));
    }

    @Override
    public synchronized Tensor embedding(final Arena arena, final Tensor table, final int... ids) {
        final CudaTensor source = table instanceof PreparedWeight weight ? weight.rows()
                : active(arena, Operands.ranked(table, 2, "table"));
        final long entries = source.shape().extent(0);
        for (final int id : ids) {
            Require.that(id >= 0 && id < entries, "token id %s is outside the table of %s entries", id, entries);
        }
        final CudaTensor result = allocate(arena, Shape.of(ids.length, source.shape().extent(1)));
        try (CudaArena scratch = arena(arena).open("token ids")) {
            rows.embedding(source, weights.uploadInts(scratch, ids), result);
        }
        return result;
    }

    @Override
    public synchronized Tensor linear(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final Activation activation, final Tensor residual) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final PreparedWeight matrix = Operands.prepared(weight, WeightRole.LINEAR);
        final long out = matrix.shape().extent(0);
        Require.that(source.shape().extent(1) == matrix.shape().extent(1), "x %s does not fit weight %s", x, weight);
        final Shape shape = Shape.of(source.shape().extent(0), out);
        final CudaTensor result = allocate(arena, shape);
        projections.linear(source, matrix.rows(), Operands.optional(bias, Shape.of(out), "bias"), activation,
                active(arena, Operands.optional(residual, shape, "residual")), result);
        return result;
    }

    @Override
    public synchronized Tensor activate(final Arena arena, final Tensor x, final Activation activation) {
        final CudaTensor source = active(arena, Operands.own(x, "x"));
        final CudaTensor result = allocate(arena, source.shape());
        projections.finish(flat(source), null, activation, null, flat(result));
        return result;
    }

    @Override
    public synchronized Tensor add(final Arena arena, final Tensor a, final Tensor b) {
        final CudaTensor left = active(arena, Operands.own(a, "a"));
        final CudaTensor right = active(arena, Operands.shaped(b, left.shape(), "b"));
        final CudaTensor result = allocate(arena, left.shape());
        projections.finish(flat(left), null, Activation.NONE, flat(right), flat(result));
        return result;
    }

    @Override
    public synchronized Tensor adaLayerNorm(final Arena arena, final Tensor x, final Tensor shift, final Tensor scale,
            final float eps) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.adaLayerNorm(source, vector(arena, shift, source, "shift"), vector(arena, scale, source, "scale"), eps,
                result);
        return result;
    }

    @Override
    public synchronized Tensor layerNorm(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final float eps) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.layerNorm(source, vector(arena, weight, source, "weight"), vector(arena, bias, source, "bias"), eps,
                result);
        return result;
    }

    @Override
    public synchronized Tensor gatedAdd(final Arena arena, final Tensor residual, final Tensor x, final Tensor gate) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final CudaTensor base = active(arena, Operands.shaped(residual, source.shape(), "residual"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.gatedAdd(base, source, vector(arena, gate, source, "gate"), result);
        return result;
    }

    @Override
    public synchronized List<GatedNorm> gatedAddAdaLayerNorm(final Arena arena, final float eps,
            final GatedNorm.Stream... streams) {
        return gatedNorms.gatedAddAdaLayerNorm(arena(arena), eps, streams);
    }

    @Override
    public synchronized Tensor rmsNorm(final Arena arena, final Tensor x, final Tensor weight, final float eps) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.rmsNorm(source, vector(arena, weight, source, "weight"), eps, result);
        return result;
    }

    @Override
    public synchronized Tensor channelNorm(final Arena arena, final Tensor x, final Tensor gamma,
            final Activation activation) {
        final CudaTensor source = active(arena, Operands.ranked(x, 3, "x"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.channelNorm(source, vector(arena, gamma, source, "gamma"), activation, result);
        return result;
    }

    @Override
    public synchronized Tensor qkNormRope(final Arena arena, final Tensor x, final int headCount, final Tensor weight,
            final float eps, final RotaryTable rotary) {
        final CudaTensor source = active(arena, Operands.ranked(x, 2, "x"));
        final long length = source.shape().extent(0);
        final long width = source.shape().extent(1);
        Require.that(headCount > 0 && width % headCount == 0, "x %s cannot be split into %s heads", x, headCount);
        final long size = width / headCount;
        Operands.rotary(rotary, length, size);
        final CudaTensor result = allocate(arena, Shape.of(length, headCount, size));
        rows.qkNormRope(source, active(arena, Operands.optional(weight, Shape.of(size), "weight")), eps, rotary, result);
        return result;
    }

    @Override
    public synchronized JointHeads jointHeads(final Arena arena, final JointHeads.Stream first,
            final JointHeads.Stream second, final int headCount, final float eps, final JointSequences sequences) {
        if (sequences.count() > JointHeadKernels.MOST_SEQUENCES) {
            return Backend.super.jointHeads(arena, first, second, headCount, eps, sequences);
        }
        return jointHeads.joint(arena(arena), first, second, headCount, eps, sequences);
    }

    @Override
    public boolean gainsFromBatches() {
        return true;
    }

    @Override
    public Repetition repeat(final Repetition.Round round) {
        return new RecordedRounds(this, stream, copies, round);
    }

    @Override
    public synchronized Tensor attention(final Arena arena, final Tensor q, final Tensor k, final Tensor v,
            final AttentionPattern pattern, final float scale) {
        final CudaTensor query = active(arena, Operands.ranked(q, 3, "q"));
        final CudaTensor key = active(arena, Operands.ranked(k, 3, "k"));
        final CudaTensor value = active(arena, Operands.shaped(v, key.shape(), "v"));
        Require.attention(query, key, pattern);
        final CudaTensor result = allocate(arena,
                Shape.of(query.shape().extent(0), query.shape().extent(1) * query.shape().extent(2)));
        heads.attention(query, key, value, pattern, scale, result);
        return result;
    }

    @Override
    public synchronized Tensor swiGlu(final Arena arena, final Tensor gate, final Tensor up) {
        final CudaTensor source = active(arena, Operands.own(gate, "gate"));
        final CudaTensor factor = active(arena, Operands.shaped(up, source.shape(), "up"));
        final CudaTensor result = allocate(arena, source.shape());
        rows.swiGlu(flat(source), flat(factor), flat(result));
        return result;
    }

    @Override
    public synchronized Tensor convolution(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final int stride, final Padding padding, final Tensor residual) {
        final CudaTensor source = active(arena, Operands.ranked(x, 3, "x"));
        final PreparedWeight kernel = Operands.prepared(weight, WeightRole.CONVOLUTION);
        final Shape shape = Require.convolution(source, kernel, stride, padding);
        final CudaTensor result = allocate(arena, shape);
        projections.convolution(arena(arena), source, kernel,
                Operands.optional(bias, Shape.of(shape.extent(2)), "bias"), stride, padding,
                active(arena, Operands.optional(residual, shape, "residual")), result);
        return result;
    }

    @Override
    public synchronized Tensor upsampleNearest(final Arena arena, final Tensor x) {
        final CudaTensor source = active(arena, Operands.ranked(x, 3, "x"));
        final Shape shape = source.shape();
        final CudaTensor result = allocate(arena,
                Shape.of(2 * shape.extent(0), 2 * shape.extent(1), shape.extent(2)));
        rows.upsampleNearest(source, result);
        return result;
    }

    @Override
    public synchronized Tensor guidanceStep(final Arena arena, final Tensor latents, final Tensor conditional,
            final Tensor unconditional, final float trueCfgScale, final Tensor dt) {
        final CudaTensor source = Operands.ranked(latents, 2, "latents");
        final CudaTensor difference = Operands.shaped(dt, Shape.of(1), "dt");
        Require.that(source.dtype() == DType.F32 && difference.dtype() == DType.F32,
                "latents %s and dt %s must be F32", latents, dt);
        final CudaTensor result = arena(arena).allocate(DType.F32, source.shape());
        rows.guidanceStep(source, active(arena, Operands.shaped(conditional, source.shape(), "conditional")),
                active(arena, Operands.optional(unconditional, source.shape(), "unconditional")), trueCfgScale,
                difference, result);
        return result;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            List.copyOf(arenas).forEach(CudaArena::close);
            if (!device.isLost()) {
                // What was asked last may still read what is freed now.
                stream.synchronize();
            }
        } finally {
            heads.close();
            weights.close();
            projections.close();
            products.close();
            stream.close();
            device.close();
        }
    }

    /** Memory for an arena, with what is lacking told in the words of backends. */
    synchronized DeviceBuffer memoryFor(final long bytes, final boolean isWeight, final String purpose) {
        try {
            final DeviceBuffer buffer = stream.allocate(Math.max(bytes, 1));
            weightBytes += isWeight ? blockBytes(buffer) : 0;
            return buffer;
        } catch (final DeviceMemoryException e) {
            throw new ResourceExhaustedException("\"" + purpose + "\": " + e.getMessage(), e);
        } catch (final CudaException e) {
            throw CudaFaults.told(e, this);
        }
    }

    /** Takes memory back from an arena. */
    synchronized void giveBack(final Storage storage) {
        weightBytes -= storage.weights() ? blockBytes(storage.buffer()) : 0;
        storage.buffer().close();
    }

    private static long blockBytes(final DeviceBuffer buffer) {
        return MemoryPool.blockBytes(buffer.bytes());
    }

    /** An outermost arena was closed. */
    synchronized void forget(final CudaArena arena) {
        arenas.remove(arena);
    }

    private CudaArena arena(final Arena arena) {
        if (arena instanceof CudaArena own && own.belongsTo(this)) {
            return own;
        }
        throw new IllegalArgumentException(arena + " does not belong to this backend");
    }

    private CudaTensor allocate(final Arena arena, final Shape shape) {
        return arena(arena).allocate(activationType(), shape);
    }

    /** The same numbers as activations; a copy only where the type is another one. */
    private CudaTensor active(final Arena arena, final CudaTensor tensor) {
        if (tensor == null || tensor.dtype() == activationType()) {
            return tensor;
        }
        final CudaTensor result = allocate(arena, tensor.shape());
        rows.cast(tensor, result);
        return result;
    }

    private CudaTensor vector(final Arena arena, final Tensor tensor, final CudaTensor x, final String name) {
        return active(arena, Operands.shaped(tensor, Shape.of(x.shape().extent(-1)), name));
    }

    private static CudaTensor flat(final CudaTensor tensor) {
        return tensor.shape().rank() == 0 ? tensor.reshape(1, 1)
                : tensor.reshape(tensor.shape().elements() / Math.max(1, tensor.shape().extent(-1)),
                        tensor.shape().extent(-1));
    }
}
