package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.cpu.MatrixProduct.Matrix;
import io.qwenimage.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.algorithm;
import org.bytedeco.dnnl.global.dnnl.prop_kind;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.softmax_forward;

/**
 * softmax(q k^T scale) v, one head and one block of queries at a time, so that scores never take more than a few
 * megabytes for each worker.
 */
final class Attention {
    private static final int SCORE_SLOT = 1;
    private static final int KEY_SLOT = 2;
    private static final int VALUE_SLOT = 3;
    private static final int LARGEST_BLOCK = 256;
    private static final int SMALLEST_BLOCK = 16;
    private static final int JOBS_PER_WORKER = 4;
    private static final int QUERIES_WORTH_PACKING = 64;
    private static final long SCORES_PER_BLOCK = 1L << 18;

    private final WorkerPool workers;

    /** The attention of one backend. */
    Attention(final WorkerPool workers) {
        this.workers = workers;
    }

    /** Computes result [Lq, H D] of q [Lq, H, D], k and v [Lk, Hkv, D]. */
    void run(final CpuTensor q, final CpuTensor k, final CpuTensor v, final AttentionPattern pattern,
            final float scale, final CpuTensor result) {
        final int heads = q.shape().intExtent(1);
        final Heads layout = new Heads(heads, k.shape().intExtent(1), q.shape().intExtent(2), scale,
                pattern.causal(), q.address(), k.address(), v.address(), result.address());
        final List<List<Block>> sequences = sequences(pattern, q.shape().intExtent(0), k.shape().intExtent(0));
        final List<List<Block>> jobs = new ArrayList<>();
        final int parts = Math.max(1, JOBS_PER_WORKER * workers.size() / heads);
        for (final List<Block> sequence : sequences) {
            final int length = Math.max(1, (sequence.size() + parts - 1) / parts);
            for (int first = 0; first < sequence.size(); first += length) {
                jobs.add(sequence.subList(first, Math.min(sequence.size(), first + length)));
            }
        }
        workers.run(Math.multiplyExact(jobs.size(), heads), (worker, item) ->
                runBlocks(worker, layout, item / jobs.size(), jobs.get(item % jobs.size())));
    }

    // Blocks that share all keys and values share their packed form, too.
    private static void runBlocks(final Worker worker, final Heads layout, final int head, final List<Block> blocks) {
        final Block first = blocks.getFirst();
        final long start = ((long) first.firstKey * layout.keyHeads + head / (layout.heads / layout.keyHeads))
                * layout.size * Float.BYTES;
        final long stride = layout.keyHeads * (long) layout.size;
        Operand keys = new Operand(layout.k + start, new Matrix(DType.F32, 1, stride));
        Operand values = new Operand(layout.v + start, new Matrix(DType.F32, stride, 1));
        if (!layout.causal && blocks.stream().mapToInt(Block::queries).sum() >= QUERIES_WORTH_PACKING) {
            keys = packed(worker, KEY_SLOT, keys, layout.size, first.keys);
            values = packed(worker, VALUE_SLOT, values, first.keys, layout.size);
        }
        for (final Block block : blocks) {
            runBlock(worker, layout, head, block, keys, values);
        }
    }

    private static void runBlock(final Worker worker, final Heads layout, final int head, final Block block,
            final Operand keys, final Operand values) {
        final long width = layout.size;
        final long stride = layout.heads * width;
        final long place = (block.firstQuery * stride + head * width) * Float.BYTES;
        final long scores = worker.scratch(SCORE_SLOT, (long) block.queries * block.keys * Float.BYTES);
        final MatrixProduct similarity = new MatrixProduct(block.queries, width, block.keys,
                new Matrix(DType.F32, stride, 1), keys.matrix, block.keys, false, false, Activation.NONE, false,
                layout.scale);
        worker.call(similarity, made -> made.prepare(worker)).run(worker, layout.q + place, keys.address, scores);
        if (layout.causal) {
            mask(scores, block);
        }
        worker.call(new Softmax(block.queries, block.keys), made -> made.prepare(worker))
                .run(worker, scores, scores);
        final MatrixProduct mixture = new MatrixProduct(block.queries, block.keys, width,
                Matrix.dense(DType.F32, block.keys), values.matrix, stride, false, false, Activation.NONE, false, 1f);
        worker.call(mixture, made -> made.prepare(worker)).run(worker, scores, values.address, layout.result + place);
    }

    private static Operand packed(final Worker worker, final int slot, final Operand plain, final long rows,
            final long columns) {
        final Call packing = worker.call(new Repacking(rows, columns, plain.matrix), made -> made.prepare(worker));
        final long address = worker.scratch(slot, packing.bytes(1));
        packing.run(worker, plain.address, address);
        return new Operand(address, Matrix.packed(DType.F32));
    }

    // A block has all keys that its last query sees; earlier queries see fewer.
    private static void mask(final long scores, final Block block) {
        final float[] hidden = new float[block.queries];
        Arrays.fill(hidden, Float.NEGATIVE_INFINITY);
        for (int row = 0; row < block.queries - 1; row++) {
            final int count = block.queries - 1 - row;
            final long end = (long) (row + 1) * block.keys;
            Address.floats(scores + (end - count) * Float.BYTES, count).put(hidden, 0, count);
        }
    }

    private static List<List<Block>> sequences(final AttentionPattern pattern, final int queries, final int keys) {
        final int[] queryOffsets = pattern.queryOffsets() == null ? new int[] {0, queries} : pattern.queryOffsets();
        final int[] keyOffsets = pattern.keyOffsets() == null ? new int[] {0, keys} : pattern.keyOffsets();
        final List<List<Block>> sequences = new ArrayList<>();
        for (int s = 0; s + 1 < queryOffsets.length; s++) {
            final int count = keyOffsets[s + 1] - keyOffsets[s];
            final int length = queryOffsets[s + 1] - queryOffsets[s];
            final int largest = (int) Math.clamp(SCORES_PER_BLOCK / Math.max(1, count), SMALLEST_BLOCK,
                    LARGEST_BLOCK);
            final int wanted = (length + largest - 1) / largest;
            final int rows = wanted == 0 ? 1
                    : ((length + wanted - 1) / wanted + SMALLEST_BLOCK - 1) / SMALLEST_BLOCK * SMALLEST_BLOCK;
            final List<Block> blocks = new ArrayList<>();
            for (int first = 0; first < length; first += rows) {
                final int end = Math.min(first + rows, length);
                blocks.add(new Block(queryOffsets[s] + first, end - first, keyOffsets[s],
                        pattern.causal() ? end + count - length : count));
            }
            sequences.add(blocks);
        }
        return sequences;
    }

    private record Heads(int heads, int keyHeads, int size, float scale, boolean causal, long q, long k, long v,
            long result) {
    }

    private record Operand(long address, Matrix matrix) {
    }

    private record Block(int firstQuery, int queries, int firstKey, int keys) {
    }

    /** Softmax of rows, in place. */
    private record Softmax(long rows, long columns) {
        Call prepare(final Worker worker) {
            try (primitive_attr attributes = new primitive_attr()) {
                attributes.set_scratchpad_mode(scratchpad_mode.user);
                final memory.desc layout = Layouts.strided(DType.F32, rows, columns, columns, 1);
                final softmax_forward.primitive_desc description = new softmax_forward.primitive_desc(worker.engine(),
                        prop_kind.forward_inference, algorithm.softmax_accurate, layout, layout, 1, attributes, false);
                return new Call(worker, description, new softmax_forward(description), dnnl.DNNL_ARG_SRC,
                        dnnl.DNNL_ARG_DST);
            }
        }
    }
}
