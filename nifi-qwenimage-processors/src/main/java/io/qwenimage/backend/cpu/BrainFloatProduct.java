package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.global.dnnl;

/**
 * The product of one row with BF16 weights that lie as they are stored: what every token of an answer costs. It is bound
 * by memory, so the weights must be read once, as they are, and widened in registers; oneDNN writes them to memory in
 * single precision first.
 */
final class BrainFloatProduct implements AutoCloseable {
    private static final String LISTING = "bf16_gemv_avx2.lst";
    private static final int GROUP = 16;
    private static final int ROWS_AT_ONCE = 4;
    private static final int FEWEST_QUADS = 8;
    private static final int SUM_SLOT = 1;

    private final MachineCode code;

    private BrainFloatProduct(final MachineCode code) {
        this.code = code;
    }

    /** Brings the code into memory; null where this CPU or system does not run it. Owned by the caller. */
    static BrainFloatProduct open() {
        final int needed = dnnl.dnnl_cpu_isa_avx2;
        if ((dnnl.dnnl_get_effective_cpu_isa() & needed) != needed) {
            return null;
        }
        final MachineCode code = MachineCode.load(LISTING);
        return code == null ? null : new BrainFloatProduct(code);
    }

    /** Whether a weight has a form that this product takes. */
    boolean takes(final LinearWeight weight) {
        return weight.dtype() == DType.BF16 && !weight.packed() && weight.shape().extent(1) % GROUP == 0
                && weight.shape().extent(0) >= ROWS_AT_ONCE;
    }

    /**
     * Computes W x.
     *
     * @param x       address of [in], F32
     * @param result  address of [out], F32
     * @param finish  called by the worker that has computed some columns, for what follows the product
     */
    void run(final WorkerPool workers, final CpuArena arena, final long x, final LinearWeight weight,
            final long result, final WorkerPool.RowTask finish) {
        final int inner = weight.shape().intExtent(1);
        final long columns = weight.shape().extent(0);
        final long rowBytes = (long) inner * Short.BYTES;
        final Storage arranged = arena.storage((long) inner * Float.BYTES, false);
        arrange(x, arranged.address(), inner);
        final long quads = (columns + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
        workers.runRows(quads, FEWEST_QUADS, (worker, first, end) -> {
            final long from = first * ROWS_AT_ONCE;
            final long to = Math.min(columns, end * ROWS_AT_ONCE);
            final long whole = (to - from) / ROWS_AT_ONCE;
            if (whole > 0) {
                code.call(weight.address(0) + from * rowBytes, arranged.address(), result + from * Float.BYTES, whole,
                        rowBytes);
            }
            if (from + whole * ROWS_AT_ONCE < to) {
                // The last rows once more together with those before them, whose sums do not change by that.
                final long sums = worker.scratch(SUM_SLOT, ROWS_AT_ONCE * Float.BYTES);
                code.call(weight.address(0) + (columns - ROWS_AT_ONCE) * rowBytes, arranged.address(), sums, 1,
                        rowBytes);
                final long missing = to - from - whole * ROWS_AT_ONCE;
                NativeCopies.copy(sums + (ROWS_AT_ONCE - missing) * Float.BYTES,
                        result + (to - missing) * Float.BYTES, missing * Float.BYTES);
            }
            finish.run(worker, from, to);
        });
        arena.release(arranged);
    }

    @Override
    public void close() {
        code.close();
    }

    /** Even and odd elements of each group apart, as the code wants them. */
    private static void arrange(final long from, final long to, final int count) {
        final float[] values = new float[count];
        final float[] arranged = new float[count];
        Address.floats(from, count).get(values);
        for (int start = 0; start < count; start += GROUP) {
            for (int i = 0; i < GROUP / 2; i++) {
                arranged[start + i] = values[start + 2 * i];
                arranged[start + GROUP / 2 + i] = values[start + 2 * i + 1];
            }
        }
        Address.floats(to, count).put(arranged);
    }
}
