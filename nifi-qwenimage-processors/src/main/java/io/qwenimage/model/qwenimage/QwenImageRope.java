package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;

/**
 * Positions of picture and text tokens in the denoiser, {@code QwenEmbedRope} of diffusers with {@code scale_rope}:
 * a token of picture i has the frame position i, rows and columns are centred around zero, and text positions begin
 * after the larger half of the largest picture, equal on all axes.
 */
final class QwenImageRope {
    /** Base of the frequencies; a constant of the architecture, no key of its config. */
    private static final double THETA = 10000;

    private final int[] axes;

    QwenImageRope(final int[] axes) {
        this.axes = axes.clone();
    }

    /**
     * Tables for pictures one after the other, and for text.
     *
     * @param grids      rows and columns of patches of each picture
     * @param textLength number of text tokens
     */
    JointRope tables(final Backend backend, final Arena arena, final PatchGrid[] grids, final int textLength) {
        int imageLength = 0;
        int textStart = 0;
        for (final PatchGrid grid : grids) {
            imageLength += grid.tokens();
            textStart = Math.max(textStart, Math.max(grid.rows() / 2, grid.columns() / 2));
        }
        final Table image = new Table(imageLength);
        for (int picture = 0; picture < grids.length; picture++) {
            final PatchGrid grid = grids[picture];
            for (int row = 0; row < grid.rows(); row++) {
                for (int column = 0; column < grid.columns(); column++) {
                    image.append(picture, centred(row, grid.rows()), centred(column, grid.columns()));
                }
            }
        }
        final Table text = new Table(textLength);
        for (int token = 0; token < textLength; token++) {
            final int position = textStart + token;
            text.append(position, position, position);
        }
        return new JointRope(image.upload(backend, arena), text.upload(backend, arena));
    }

    private static int centred(final int index, final int count) {
        return index - (count - count / 2);
    }

    /** Rows of cosines and sines: first the frequencies of the frame axis, then those of rows, then of columns. */
    private final class Table {
        private final int pairs = (axes[0] + axes[1] + axes[2]) / 2;
        private final float[] cosine;
        private final float[] sine;
        private int filled;

        Table(final int tokens) {
            cosine = new float[tokens * pairs];
            sine = new float[tokens * pairs];
        }

        void append(final int... positions) {
            for (int axis = 0; axis < axes.length; axis++) {
                for (int i = 0; i < axes[axis]; i += 2) {
                    // Single precision at every step, as the reference computes it.
                    final float frequency = 1f / (float) Math.pow(THETA, (float) i / axes[axis]);
                    final float angle = positions[axis] * frequency;
                    cosine[filled] = (float) Math.cos(angle);
                    sine[filled] = (float) Math.sin(angle);
                    filled++;
                }
            }
        }

        RotaryTable upload(final Backend backend, final Arena arena) {
            final Shape shape = Shape.of(cosine.length / pairs, pairs);
            return new RotaryTable(backend.uploadExact(arena, HostTensor.ofFloats(shape, cosine)),
                    backend.uploadExact(arena, HostTensor.ofFloats(shape, sine)), RotaryTable.Pairs.NEIGHBOURS);
        }
    }
}
