package io.qwenimage.image;

/**
 * A named rectangle in a picture, in pixels from its upper left corner. It covers the columns x1 to x2 - 1 and the rows
 * y1 to y2 - 1, so that width is x2 - x1.
 *
 * @param label what it shows; empty if nobody said
 */
public record LabelledBox(String label, int x1, int y1, int x2, int y2) {
    public LabelledBox {
        if (x1 < 0 || y1 < 0 || x2 <= x1 || y2 <= y1) {
            throw new IllegalArgumentException("the box (" + x1 + ", " + y1 + ") to (" + x2 + ", " + y2
                    + ") covers no pixels; corners are the upper left and the lower right one, from 0 on");
        }
    }

    /** In pixels. */
    public int width() {
        return x2 - x1;
    }

    /** In pixels. */
    public int height() {
        return y2 - y1;
    }
}
