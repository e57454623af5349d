package io.qwenimage.model.vision;

/**
 * A picture's grid of patches, {@code grid_thw} of transformers.
 *
 * @param time    1 for a picture
 * @param rows    of patches, a multiple of the merge size
 * @param columns of patches, a multiple of the merge size
 */
public record VisionGrid(int time, int rows, int columns) {
    /** Number of patches. */
    public int patches() {
        return Math.multiplyExact(time, Math.multiplyExact(rows, columns));
    }
}
