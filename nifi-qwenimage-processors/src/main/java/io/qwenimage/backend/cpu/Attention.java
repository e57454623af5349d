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
    private static final int LARGEST_BLOCK = 128;
    private static final int SMALLEST_BLOCK = 8;
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
        final List<Block> blocks = blocks(pattern, q.shape().intExtent(0), k.shape().intExtent(0));
        workers.run(Math.multiplyExact(blocks.size(), heads), (worker, item) ->
                runBlock(worker, layout, item / blocks.size(), blocks.get(item % blocks.size())));
    }

    private static void runBlock(final Worker worker, final Heads layout, final int head, final Block block) {
        final long width = layout.size;
        final long queryStride = layout.heads * width;
        final long keyStride = layout.keyHeads * width;
        final int keyHead = head / (layout.heads / layout.keyHeads);
        final long query = (block.firstQuery * queryStride + head * width) * Float.BYTES;
        final long key = (block.firstKey * keyStride + keyHead * width) * Float.BYTES;
        final long scores = worker.scratch(SCORE_SLOT, (long) block.queries * block.keys * Float.BYTES);
        final MatrixProduct similarity = new MatrixProduct(block.queries, width, block.keys,
                new Matrix(DType.F32, queryStride, 1), new Matrix(DType.F32, 1, keyStride), block.keys, false, false,
                Activation.NONE, false, layout.scale);
        worker.call(similarity, made -> made.prepare(worker)).run(worker, layout.q + query, layout.k + key, scores);
        if (layout.causal) {
            mask(scores, block);
        }
        worker.call(new Softmax(block.queries, block.keys), made -> made.prepare(worker))
                .run(worker, scores, scores);
        final MatrixProduct mixture = new MatrixProduct(block.queries, block.keys, width,
                Matrix.dense(DType.F32, block.keys), new Matrix(DType.F32, keyStride, 1), queryStride, false, false,
                Activation.NONE, false, 1f);
        worker.call(mixture, made -> made.prepare(worker)).run(worker, scores, layout.v + key, layout.result + query);
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

    private static List<Block> blocks(final AttentionPattern pattern, final int queries, final int keys) {
        final int[] queryOffsets = pattern.queryOffsets() == null ? new int[] {0, queries} : pattern.queryOffsets();
        final int[] keyOffsets = pattern.keyOffsets() == null ? new int[] {0, keys} : pattern.keyOffsets();
        final List<Block> blocks = new ArrayList<>();
        for (int s = 0; s + 1 < queryOffsets.length; s++) {
            final int count = keyOffsets[s + 1] - keyOffsets[s];
            final int rows = (int) Math.clamp(SCORES_PER_BLOCK / Math.max(1, count), SMALLEST_BLOCK, LARGEST_BLOCK);
            final int behind = count - (queryOffsets[s + 1] - queryOffsets[s]);
            for (int first = queryOffsets[s]; first < queryOffsets[s + 1]; first += rows) {
                final int end = Math.min(first + rows, queryOffsets[s + 1]);
                blocks.add(new Block(first, end - first, keyOffsets[s],
                        pattern.causal() ? end - queryOffsets[s] + behind : count));
            }
        }
        return blocks;
    }

    private record Heads(int heads, int keyHeads, int size, float scale, boolean causal, long q, long k, long v,
            long result) {
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
