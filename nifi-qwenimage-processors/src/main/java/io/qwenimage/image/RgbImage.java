package io.qwenimage.image;

/**
 * A picture of 8-bit RGB samples.
 *
 * @param width  in pixels
 * @param height in pixels
 * @param rgb    height x width x 3 samples, row by row; not copied
 */
public record RgbImage(int width, int height, byte[] rgb) {
    public RgbImage {
        if (width <= 0 || height <= 0 || rgb.length != Math.multiplyExact(Math.multiplyExact(width, height), 3)) {
            throw new IllegalArgumentException("a picture of " + width + " x " + height + " has not " + rgb.length
                    + " samples");
        }
    }
}
