package io.qwenimage.model.qwen25vl;

import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.model.vision.VisionGrid;
import java.util.ArrayList;
import java.util.List;

/**
 * The order in which merged blocks of patches stand window by window, {@code get_vision_window_index} of transformers.
 *
 * @param order   for each place, the block that stands there
 * @param windows attention within windows, in patches
 */
record WindowOrder(int[] order, AttentionPattern windows) {
    /**
     * Cuts pictures into windows.
     *
     * @param side      of a window in merged blocks
     * @param mergeSize patches along a block's side
     */
    static WindowOrder of(final List<VisionGrid> grids, final int side, final int mergeSize) {
        final List<Integer> order = new ArrayList<>();
        final List<Integer> offsets = new ArrayList<>(List.of(0));
        int first = 0;
        for (final VisionGrid grid : grids) {
            final int rows = grid.rows() / mergeSize;
            final int columns = grid.columns() / mergeSize;
            for (int time = 0; time < grid.time(); time++) {
                for (int top = 0; top < rows; top += side) {
                    for (int left = 0; left < columns; left += side) {
                        for (int row = top; row < Math.min(rows, top + side); row++) {
                            for (int column = left; column < Math.min(columns, left + side); column++) {
                                order.add(first + (time * rows + row) * columns + column);
                            }
                        }
                        offsets.add(order.size() * mergeSize * mergeSize);
                    }
                }
            }
            first += grid.time() * rows * columns;
        }
        return new WindowOrder(order.stream().mapToInt(Integer::intValue).toArray(),
                AttentionPattern.within(offsets.stream().mapToInt(Integer::intValue).toArray()));
    }

    /** For each block, the place where it stands. */
    int[] places() {
        final int[] places = new int[order.length];
        for (int place = 0; place < order.length; place++) {
            places[order[place]] = place;
        }
        return places;
    }
}
