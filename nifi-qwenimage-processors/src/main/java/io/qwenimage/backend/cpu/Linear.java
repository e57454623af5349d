package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.cpu.MatrixProduct.Matrix;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/**
 * Products of single-precision activations with weights of any floating type.
 *
 * <p>Split arithmetic, for CPUs with AMX and BF16 weights: an activation is the sum of two BF16 numbers up to a
 * relative 2^-16, so two products of BF16 numbers with single-precision sums give the result to about 1e-5, several
 * times faster than single precision does. Otherwise weights stay in memory as they are stored, and oneDNN widens
 * them before its kernel, or, for one row, they are widened in registers. (It must not be given packed BF16 weights with single-precision activations: version 3.11
 * computes wrong sums for long rows.)
 */
final class Linear implements AutoCloseable {
    private static final int PANEL_COLUMNS = 1024;
    private static final int LARGEST_BLOCK_ROWS = 512;
    private static final int ROW_UNIT = 32;
    private static final int FEW_ROWS = 16;
    private static final int WEIGHT_SLOT = 1;
    private static final int WIDENED_PANEL_COLUMNS = 128;

    private final WorkerPool workers;
    private final boolean split;
    private final BrainFloatProduct oneRow;

    /**
     * The products of one backend.
     *
     * @param split whether to use split arithmetic where weights are BF16
     */
    Linear(final WorkerPool workers, final boolean split) {
        this.workers = workers;
        this.split = split;
        oneRow = split ? null : BrainFloatProduct.open();
    }

    /** Frees what the products hold beside the workers. */
    @Override
    public void close() {
        if (oneRow != null) {
            oneRow.close();
        }
    }

    /** Takes a stored matrix [out, in] over into an arena. */
    LinearWeight prepare(final CpuArena arena, final HostTensor weight) {
        final long columns = weight.shape().extent(0);
        final long inner = weight.shape().extent(1);
        final long rowBytes = inner * weight.dtype().bytes();
        if (!split || weight.dtype() != DType.BF16) {
            final Storage storage = arena.storage(columns * rowBytes, true);
            NativeCopies.copy(workers, weight, storage.address());
            final int panel = weight.dtype() == DType.F8_E4M3 ? WIDENED_PANEL_COLUMNS : PANEL_COLUMNS;
            return new LinearWeight(weight.shape(), weight.dtype(), storage, false, panel, panel * rowBytes);
        }
        final long panelBytes = packedBytes(inner, Math.min(columns, PANEL_COLUMNS));
        final int panels = (int) ((columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS);
        final long lastBytes = packedBytes(inner, columns - (panels - 1L) * PANEL_COLUMNS);
        final Storage storage = arena.storage((panels - 1) * panelBytes + lastBytes, true);
        final LinearWeight prepared =
                new LinearWeight(weight.shape(), DType.BF16, storage, true, PANEL_COLUMNS, panelBytes);
        long first = 0;
        for (final HostTensor part : weight.parts()) {
            Require.that(first % PANEL_COLUMNS == 0, "a part of weight %s begins at row %s, which is no multiple of %s",
                    weight, first, PANEL_COLUMNS);
            pack(part, prepared, (int) (first / PANEL_COLUMNS));
            first += part.shape().extent(0);
        }
        return prepared;
    }

    /**
     * activation(x W^T + bias) + residual.
     *
     * @param arena    for scratch memory
     * @param bias     or null
     * @param residual or null
     * @param result   [rows, out]
     */
    void run(final CpuArena arena, final CpuTensor x, final LinearWeight weight, final CpuTensor bias,
            final Activation activation, final CpuTensor residual, final CpuTensor result) {
        final Operands operands = new Operands(x.shape().rows(), x.shape().extent(-1), result.shape().extent(-1),
                x.address(), weight, bias == null ? 0 : bias.address(), activation,
                residual == null ? 0 : residual.address(), result.address());
        if (weight.packed()) {
            final Storage parts = arena.storage(2 * operands.rows * operands.inner * Short.BYTES, false);
            runSplit(operands, parts.address());
            arena.release(parts);
        } else if (operands.rows == 1 && oneRow != null && oneRow.takes(weight)) {
            oneRow.run(workers, arena, operands.x, weight, operands.result, (worker, first, end) ->
                    finish(worker, operands, first * Float.BYTES, (int) (end - first)));
        } else {
            runStored(operands);
        }
    }

    /** Writes floats as the sum of two BF16 numbers, the upper parts first, then the lower ones. */
    static void split(final Worker worker, final long from, final long upper, final long lower, final int count) {
        final float[] values = worker.floats(0, count);
        final short[] high = worker.shorts(0, count);
        final short[] low = worker.shorts(1, count);
        Address.floats(from, count).get(values, 0, count);
        splitBits(values, high, low, count);
        Address.shorts(upper, count).put(high, 0, count);
        Address.shorts(lower, count).put(low, 0, count);
    }

    private void pack(final HostTensor part, final LinearWeight prepared, final int firstPanel) {
        final long inner = part.shape().extent(1);
        final long rows = part.shape().extent(0);
        final ByteBuffer bytes = NativeCopies.direct(part.bytes());
        final long from = NativeCopies.addressOf(bytes);
        workers.run((int) ((rows + PANEL_COLUMNS - 1) / PANEL_COLUMNS), (worker, item) -> {
            final long first = (long) item * PANEL_COLUMNS;
            final Repacking repacking = new Repacking(inner, Math.min(PANEL_COLUMNS, rows - first),
                    Matrix.transposed(DType.BF16, inner));
            worker.call(repacking, key -> key.prepare(worker)).run(worker, from + first * inner * Short.BYTES,
                    prepared.address(firstPanel + item));
        });
        NativeCopies.keepAlive(bytes);
    }

    private void runSplit(final Operands operands, final long parts) {
        final long rows = operands.rows;
        final long inner = operands.inner;
        final long lower = parts + rows * inner * Short.BYTES;
        workers.runRows(rows, 16, (worker, first, end) -> {
            for (long row = first; row < end; row++) {
                split(worker, operands.x + row * inner * Float.BYTES, parts + row * inner * Short.BYTES,
                        lower + row * inner * Short.BYTES, (int) inner);
            }
        });
        if (rows <= FEW_ROWS) {
            runStacked(operands, parts);
            return;
        }
        final Matrix source = Matrix.dense(DType.BF16, inner);
        final Matrix weights = Matrix.packed(DType.BF16);
        forEachTile(operands, (worker, tile) -> {
            final MatrixProduct first = new MatrixProduct(tile.rows, inner, tile.columns, source, weights,
                    operands.columns, operands.bias != 0, false, Activation.NONE, false, 1f);
            final MatrixProduct second = new MatrixProduct(tile.rows, inner, tile.columns, source, weights,
                    operands.columns, false, true, operands.activation, operands.residual != 0, 1f);
            final long start = tile.firstRow * inner * Short.BYTES;
            execute(worker, first, operands, tile, parts + start, tile.weights);
            execute(worker, second, operands, tile, lower + start, tile.weights);
        });
    }

    // Few rows: both parts of x in one product, so that the weights are read once. The parts follow one another.
    private void runStacked(final Operands operands, final long parts) {
        final long inner = operands.inner;
        final int rows = (int) operands.rows;
        forEachTile(operands, (worker, tile) -> {
            final int width = (int) tile.columns;
            final MatrixProduct product = new MatrixProduct(2L * rows, inner, width,
                    Matrix.dense(DType.BF16, inner), Matrix.packed(DType.BF16), width, false, false, Activation.NONE,
                    false, 1f);
            final long sums = worker.scratch(WEIGHT_SLOT, 2L * rows * width * Float.BYTES);
            worker.call(product, key -> key.prepare(worker)).run(worker, parts, tile.weights, sums);
            for (int row = 0; row < rows; row++) {
                final long place = (row * operands.columns + tile.firstColumn) * Float.BYTES;
                sum(worker, sums + (long) row * width * Float.BYTES, sums + (long) (rows + row) * width * Float.BYTES,
                        operands.result + place, width);
                finish(worker, operands, place, width);
            }
        });
    }

    private static void sum(final Worker worker, final long upper, final long lower, final long result,
            final int width) {
        final float[] row = worker.floats(1, width);
        final float[] other = worker.floats(2, width);
        Address.floats(upper, width).get(0, row, 0, width);
        Address.floats(lower, width).get(0, other, 0, width);
        for (int i = 0; i < width; i++) {
            row[i] += other[i];
        }
        Address.floats(result, width).put(0, row, 0, width);
    }

    /** Bias, activation and residual for a part of a row that holds the product. */
    private static void finish(final Worker worker, final Operands operands, final long place, final int width) {
        final float[] row = worker.floats(1, width);
        final float[] other = worker.floats(2, width);
        final FloatBuffer target = Address.floats(operands.result + place, width);
        if (operands.bias != 0) {
            target.get(0, row, 0, width);
            Address.floats(operands.bias + place % (operands.columns * Float.BYTES), width).get(0, other, 0, width);
            for (int i = 0; i < width; i++) {
                row[i] += other[i];
            }
            target.put(0, row, 0, width);
        }
        if (operands.activation != Activation.NONE) {
            Pointwise.run(worker, operands.activation, operands.result + place, 0, operands.result + place, width);
        }
        if (operands.residual != 0) {
            target.get(0, row, 0, width);
            Address.floats(operands.residual + place, width).get(0, other, 0, width);
            for (int i = 0; i < width; i++) {
                row[i] += other[i];
            }
            target.put(0, row, 0, width);
        }
    }

    private void runStored(final Operands operands) {
        final long inner = operands.inner;
        forEachTile(operands, (worker, tile) -> {
            final DType dtype = operands.weight.dtype();
            final MatrixProduct product = product(operands, tile, dtype);
            final long x = operands.x + tile.firstRow * inner * Float.BYTES;
            if (dtype != DType.F8_E4M3 && (dtype == DType.F32
                    || !worker.call(product, key -> key.prepare(worker)).implementation().startsWith("ref"))) {
                execute(worker, product, operands, tile, x, tile.weights);
                return;
            }
            final long widened = worker.scratch(WEIGHT_SLOT, inner * tile.columns * Float.BYTES);
            NativeCopies.widen(worker, tile.weights, dtype, widened, inner * tile.columns);
            execute(worker, product(operands, tile, DType.F32), operands, tile, x, widened);
        });
    }

    private static MatrixProduct product(final Operands operands, final Tile tile, final DType weights) {
        return new MatrixProduct(tile.rows, operands.inner, tile.columns, Matrix.dense(DType.F32, operands.inner),
                Matrix.transposed(weights, operands.inner), operands.columns, operands.bias != 0, false,
                operands.activation, operands.residual != 0, 1f);
    }

    private static void execute(final Worker worker, final MatrixProduct product, final Operands operands,
            final Tile tile, final long source, final long weights) {
        final long[] addresses = new long[3 + (product.bias() ? 1 : 0) + (product.residual() ? 1 : 0)];
        final long place = (tile.firstRow * operands.columns + tile.firstColumn) * Float.BYTES;
        addresses[0] = source;
        addresses[1] = weights;
        addresses[2] = operands.result + place;
        if (product.bias()) {
            addresses[3] = operands.bias + tile.firstColumn * Float.BYTES;
        }
        if (product.residual()) {
            addresses[addresses.length - 1] = operands.residual + place;
        }
        worker.call(product, key -> key.prepare(worker)).run(worker, addresses);
    }

    private void forEachTile(final Operands operands, final TileTask task) {
        final LinearWeight weight = operands.weight;
        final long height = blockRows(operands);
        final int blocks = (int) ((operands.rows + height - 1) / height);
        workers.run(blocks * weight.panels(), (worker, item) -> {
            final int panel = item / blocks;
            final long firstRow = item % blocks * height;
            task.run(worker, new Tile(firstRow, Math.min(height, operands.rows - firstRow),
                    weight.firstColumn(panel), weight.columns(panel), weight.address(panel)));
        });
    }

    // Weights that must be widened are widened once for each block of rows, so that their blocks are tall.
    private static long blockRows(final Operands operands) {
        if (operands.weight.dtype() == DType.F8_E4M3) {
            return operands.rows;
        }
        final long blocks = (operands.rows + LARGEST_BLOCK_ROWS - 1) / LARGEST_BLOCK_ROWS;
        return ((operands.rows + blocks - 1) / blocks + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT;
    }

    private long packedBytes(final long inner, final long columns) {
        final long[] bytes = new long[1];
        workers.run(1, (worker, item) -> {
            try (org.bytedeco.dnnl.memory.desc layout = MatrixProduct.packedLayout(worker, DType.BF16, inner,
                    columns)) {
                bytes[0] = layout.get_size();
            }
        });
        return (bytes[0] + 63) / 64 * 64;
    }

    private static void splitBits(final float[] values, final short[] high, final short[] low, final int count) {
        for (int i = 0; i < count; i++) {
            final int bits = Float.floatToRawIntBits(values[i]);
            high[i] = (short) (bits >>> 16);
            final float rest = values[i] - Float.intBitsToFloat(bits & 0xffff0000);
            low[i] = (short) (Float.floatToRawIntBits(rest) + 0x8000 >>> 16);
        }
    }

    @FunctionalInterface
    private interface TileTask {
        void run(Worker worker, Tile tile);
    }

    private record Operands(long rows, long inner, long columns, long x, LinearWeight weight, long bias,
            Activation activation, long residual, long result) {
    }

    private record Tile(long firstRow, long rows, long firstColumn, long columns, long weights) {
    }
}
