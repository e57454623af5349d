package io.qwenimage.model.vision;

import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.tensor.HostTensor;
import java.util.List;

/** How pictures lie one after the other in a sequence of patches. */
public final class Pictures {
    private Pictures() {
    }

    /** Every patch sees the patches of its own picture (of its own frame, strictly). */
    public static AttentionPattern whole(final List<VisionGrid> grids) {
        int frames = 0;
        for (final VisionGrid grid : grids) {
            frames += grid.time();
        }
        final int[] offsets = new int[frames + 1];
        int frame = 0;
        for (final VisionGrid grid : grids) {
            for (int time = 0; time < grid.time(); time++) {
                offsets[frame + 1] = offsets[frame] + grid.rows() * grid.columns();
                frame++;
            }
        }
        return AttentionPattern.within(offsets);
    }

    /**
     * Refuses pixel values that do not fit the grids.
     *
     * @throws IllegalArgumentException with both shapes
     */
    public static void check(final HostTensor pixelValues, final List<VisionGrid> grids, final PatchShape shape) {
        int patches = 0;
        for (final VisionGrid grid : grids) {
            if (grid.rows() % shape.mergeSize() != 0 || grid.columns() % shape.mergeSize() != 0
                    || grid.patches() == 0) {
                throw new IllegalArgumentException(grid + " is no whole number of blocks of " + shape.mergeSize()
                        + " by " + shape.mergeSize() + " patches");
            }
            patches += grid.patches();
        }
        if (pixelValues.shape().rank() != 2 || pixelValues.shape().extent(0) != patches
                || pixelValues.shape().extent(1) != shape.values()) {
            throw new IllegalArgumentException("pixel values " + pixelValues.shape() + " do not fit " + patches
                    + " patches of " + shape.values() + " values");
        }
    }
}
