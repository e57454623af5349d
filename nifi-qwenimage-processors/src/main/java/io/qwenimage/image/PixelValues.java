package io.qwenimage.image;

/**
 * A picture as a vision tower takes it.
 *
 * @param values     [gridTime * gridHeight * gridWidth, channels * frames * rows * columns of a patch]; not copied
 * @param gridTime   temporal patches; one for a picture
 * @param gridHeight patches from top to bottom, before merging
 * @param gridWidth  patches from left to right, before merging
 * @param resized    the size in pixels that the tower sees, in which models name boxes
 */
public record PixelValues(float[] values, int gridTime, int gridHeight, int gridWidth, ImageSize resized) {
    /** Number of patches. */
    public int patches() {
        return gridTime * gridHeight * gridWidth;
    }
}
