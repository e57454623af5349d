package io.qwenimage.image;

/** The size of a picture in pixels. */
public record ImageSize(int width, int height) {
    public ImageSize {
        if (width <= 0 || height <= 0) {
            throw new IllegalArgumentException("a picture of " + width + " x " + height + " pixels has none");
        }
    }

    /** The size of a picture. */
    public static ImageSize of(final RgbImage image) {
        return new ImageSize(image.width(), image.height());
    }

    /** Width times height. */
    public long pixels() {
        return (long) width * height;
    }

    @Override
    public String toString() {
        return width + " x " + height;
    }
}
