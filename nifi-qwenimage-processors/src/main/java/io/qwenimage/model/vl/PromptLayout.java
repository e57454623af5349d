package io.qwenimage.model.vl;

import io.qwenimage.model.language.Positions;
import io.qwenimage.model.vision.VisionGrid;
import java.util.ArrayList;
import java.util.List;

/**
 * Where pictures stand in a prompt, and the position of every token: {@code get_rope_index} of transformers.
 *
 * @param spans     first token and number of tokens of each picture
 * @param positions of all tokens
 */
public record PromptLayout(List<int[]> spans, Positions positions) {
    /**
     * Lays a prompt out. A picture's tokens count as one step per row and column; text after it goes on behind the
     * longer side.
     *
     * @param ids        the prompt; each picture has as many picture tokens as it has vectors
     * @param imageToken the token that stands for a picture's vectors
     * @param grids      of the pictures, in order
     * @param mergeSize  patches along a side that become one vector
     * @throws IllegalArgumentException if pictures and picture tokens do not agree in number
     */
    public static PromptLayout of(final int[] ids, final int imageToken, final List<VisionGrid> grids,
            final int mergeSize) {
        final int[][] axes = new int[3][ids.length];
        final List<int[]> spans = new ArrayList<>();
        int position = 0;
        int token = 0;
        while (token < ids.length) {
            if (ids[token] != imageToken || grids.isEmpty()) {
                axes[0][token] = position;
                axes[1][token] = position;
                axes[2][token] = position;
                position++;
                token++;
                continue;
            }
            if (spans.size() == grids.size()) {
                throw new IllegalArgumentException("the prompt has more picture tokens than its " + grids.size()
                        + " pictures need");
            }
            final VisionGrid grid = grids.get(spans.size());
            final int rows = grid.rows() / mergeSize;
            final int columns = grid.columns() / mergeSize;
            final int count = grid.time() * rows * columns;
            check(ids, token, count, imageToken, grid);
            for (int i = 0; i < count; i++) {
                axes[0][token + i] = position + i / (rows * columns);
                axes[1][token + i] = position + i / columns % rows;
                axes[2][token + i] = position + i % columns;
            }
            spans.add(new int[] {token, count});
            token += count;
            position += Math.max(rows, columns);
        }
        if (spans.size() < grids.size()) {
            throw new IllegalArgumentException("the prompt has picture tokens for " + spans.size() + " pictures, but "
                    + grids.size() + " are given");
        }
        return new PromptLayout(spans, new Positions(axes[0], axes[1], axes[2]));
    }

    private static void check(final int[] ids, final int first, final int count, final int imageToken,
            final VisionGrid grid) {
        for (int i = first; i < first + count; i++) {
            if (i >= ids.length || ids[i] != imageToken) {
                throw new IllegalArgumentException("the prompt has " + (i - first) + " picture tokens where " + grid
                        + " needs " + count);
            }
        }
    }
}
