package io.qwenimage.model.vision;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.List;

/**
 * Rotary positions of patches, {@code Qwen2_5_VLVisionRotaryEmbedding} of transformers: half of a head's pairs follow
 * the row, half the column. Patches come in blocks of merge size by merge size.
 */
public final class VisionRope {
    /** Base of the frequencies; a constant of the architecture. */
    private static final double THETA = 10000;

    private final int headDim;
    private final int mergeSize;

    public VisionRope(final int headDim, final int mergeSize) {
        this.headDim = headDim;
        this.mergeSize = mergeSize;
    }

    /**
     * Cosines and sines, one row per patch.
     *
     * @param order for each place of the sequence, which block of patches stands there; null for the natural order
     */
    public RotaryTable table(final Backend backend, final Arena arena, final List<VisionGrid> grids,
            final int[] order) {
        final int[][] positions = positions(grids);
        final int block = mergeSize * mergeSize;
        final int patches = positions.length;
        final int perAxis = headDim / 4;
        final int pairs = 2 * perAxis;
        final float[] cosine = new float[patches * pairs];
        final float[] sine = new float[patches * pairs];
        for (int place = 0; place < patches; place++) {
            final int patch = order == null ? place : order[place / block] * block + place % block;
            for (int pair = 0; pair < pairs; pair++) {
                final float frequency = 1f / (float) Math.pow(THETA, 2f * (pair % perAxis) / (headDim / 2));
                final float angle = positions[patch][pair / perAxis] * frequency;
                cosine[place * pairs + pair] = (float) Math.cos(angle);
                sine[place * pairs + pair] = (float) Math.sin(angle);
            }
        }
        final Shape shape = Shape.of(patches, pairs);
        return new RotaryTable(backend.uploadExact(arena, HostTensor.ofFloats(shape, cosine)),
                backend.uploadExact(arena, HostTensor.ofFloats(shape, sine)), RotaryTable.Pairs.HALVES);
    }

    /** Row and column of each patch, in the order of blocks. */
    public int[][] positions(final List<VisionGrid> grids) {
        final int[][] positions = new int[grids.stream().mapToInt(VisionGrid::patches).sum()][];
        int filled = 0;
        for (final VisionGrid grid : grids) {
            for (int time = 0; time < grid.time(); time++) {
                for (int blockRow = 0; blockRow < grid.rows(); blockRow += mergeSize) {
                    for (int blockColumn = 0; blockColumn < grid.columns(); blockColumn += mergeSize) {
                        for (int i = 0; i < mergeSize * mergeSize; i++) {
                            positions[filled++] = new int[] {blockRow + i / mergeSize, blockColumn + i % mergeSize};
                        }
                    }
                }
            }
        }
        return positions;
    }
}
