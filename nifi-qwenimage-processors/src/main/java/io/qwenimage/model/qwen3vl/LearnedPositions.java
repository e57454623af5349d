package io.qwenimage.model.qwen3vl;

import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionRope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.List;

/**
 * Learned positions on a square grid, resampled to a picture's grid: bilinear with aligned corners,
 * {@code get_vision_interpolation_indices_and_weights} of transformers.
 */
final class LearnedPositions {
    private final float[] table;
    private final int side;
    private final int width;

    /**
     * Keeps the table in the host's memory: it has a few thousand rows.
     *
     * @param table [side^2, D]
     */
    LearnedPositions(final HostTensor table, final int side) {
        this.table = table.toFloats();
        this.side = side;
        this.width = table.shape().intExtent(1);
    }

    /** One row per patch, [L, D]. */
    HostTensor of(final List<VisionGrid> grids, final VisionRope rope) {
        final int[][] positions = rope.positions(grids);
        final float[] result = new float[positions.length * width];
        int patch = 0;
        for (final VisionGrid grid : grids) {
            for (int i = 0; i < grid.patches(); i++, patch++) {
                add(result, patch * width, coordinate(positions[patch][0], grid.rows()),
                        coordinate(positions[patch][1], grid.columns()));
            }
        }
        return HostTensor.ofFloats(Shape.of(positions.length, width), result);
    }

    /** Where the first and the last of {@code count} patches lie on the first and the last position. */
    private float coordinate(final int index, final int count) {
        return (float) index * (side - 1) / Math.max(count - 1, 1);
    }

    private void add(final float[] result, final int place, final float row, final float column) {
        final int top = (int) row;
        final int left = (int) column;
        for (int i = 0; i < 2; i++) {
            final float rowWeight = i == 0 ? 1 - (row - top) : row - top;
            for (int j = 0; j < 2; j++) {
                final float weight = rowWeight * (j == 0 ? 1 - (column - left) : column - left);
                final int source = (Math.min(top + i, side - 1) * side + Math.min(left + j, side - 1)) * width;
                for (int k = 0; k < width; k++) {
                    result[place + k] += weight * table[source + k];
                }
            }
        }
    }
}
