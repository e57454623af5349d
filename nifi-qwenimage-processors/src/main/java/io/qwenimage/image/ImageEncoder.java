package io.qwenimage.image;

import java.io.IOException;
import java.io.OutputStream;

/** Writes pictures with metadata. */
public final class ImageEncoder {
    /** A quality at which artefacts are hard to see. */
    public static final float DEFAULT_QUALITY = 0.92f;

    private ImageEncoder() {
    }

    /**
     * Writes a picture.
     *
     * @param quality  0 to 1; PNG, which is lossless, ignores it; WebP is lossless at 1
     * @param metadata what goes into the file beside the pixels. In JPEG files, where a block has 64 KB at most, a
     *                 longer prompt is cut, and says so
     * @param out      is neither flushed nor closed
     * @throws IllegalArgumentException if the quality is out of range or the format does not hold so large a picture
     * @throws IOException              if the stream fails or the format's library does not load
     */
    public static void write(final RgbImage image, final ImageFormat format, final float quality,
            final ImageMetadata metadata, final OutputStream out) throws IOException {
        if (!(quality >= 0 && quality <= 1)) {
            throw new IllegalArgumentException("quality is " + quality + "; accepted is 0 to 1, usual is "
                    + DEFAULT_QUALITY);
        }
        if (Math.max(image.width(), image.height()) > format.maximumExtent()) {
            throw new IllegalArgumentException("a picture of " + image.width() + " x " + image.height()
                    + " is too large for " + format + ", which holds up to " + format.maximumExtent()
                    + " pixels a side; write PNG instead");
        }
        switch (format) {
            case PNG -> PngWriter.write(image, metadata, out);
            case JPEG -> JpegWriter.write(image, quality, metadata, out);
            case WEBP -> WebpWriter.write(image, quality, metadata, out);
        }
    }
}
