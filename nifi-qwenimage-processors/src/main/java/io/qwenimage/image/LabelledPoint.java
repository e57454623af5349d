package io.qwenimage.image;

/**
 * A named place in a picture.
 *
 * @param label what is there; empty if nobody said
 * @param x     column of the pixel, from 0 on
 * @param y     row of the pixel, from 0 on
 */
public record LabelledPoint(String label, int x, int y) {
    public LabelledPoint {
        if (x < 0 || y < 0) {
            throw new IllegalArgumentException("the point (" + x + ", " + y + ") lies outside of every picture");
        }
    }
}
