package io.qwenimage.image;

import java.io.IOException;
import java.io.InputStream;
import java.util.HexFormat;

/**
 * Reads pictures as Python's Pillow does when transformers asks for them ({@code Image.open}, {@code exif_transpose},
 * {@code convert("RGB")}): turned upright, transparency dropped and not blended, of an animation the first frame.
 * Sizes are checked before pixels are read. What Pillow reads with a warning, such as a palette that is too short, is
 * read the same way; what is cut short is refused. In 16-bit greys every value above 255 is white, in Pillow and here.
 */
public final class ImageDecoder {
    /** The number of pixels from which Pillow speaks of a decompression bomb and refuses. */
    public static final long MAXIMUM_PIXELS = 2L * (1024 * 1024 * 1024 / 4 / 3);
    /** Number of pixels that a {@link RgbImage} can hold. */
    private static final long ARRAY_PIXELS = (Integer.MAX_VALUE - 8) / 3;
    private static final String ACCEPTED = "; accepted are PNG, JPEG, WebP, GIF, BMP and TIFF: save it as one of these";
    private static final int SHOWN_BYTES = 8;

    private ImageDecoder() {
    }

    /**
     * Reads a picture of at most {@link #MAXIMUM_PIXELS} pixels.
     *
     * @throws ImageException if the bytes are no picture, or one that is damaged, truncated, too large or not read
     */
    public static RgbImage read(final byte[] file) {
        return read(file, MAXIMUM_PIXELS);
    }

    /**
     * Reads a picture.
     *
     * @param maximumPixels pictures with more are refused by their header alone
     * @throws ImageException if the bytes are no picture, or one that is damaged, truncated, too large or not read
     */
    public static RgbImage read(final byte[] file, final long maximumPixels) {
        final ByteCursor start = new ByteCursor("", file);
        final DecodedPicture picture;
        if (start.startsWith("\u0089PNG\r\n\u001a\n")) {
            picture = PngReader.read(new ByteCursor("PNG", file), maximumPixels);
        } else if (start.startsWith("\u00ff\u00d8\u00ff")) {
            picture = JpegReader.read(new ByteCursor("JPEG", file), maximumPixels);
        } else if (start.startsWith("RIFF") && start.startsWith("WEBP", 8)) {
            picture = WebpReader.read(new ByteCursor("WebP", file), maximumPixels);
        } else if (start.startsWith("GIF87a") || start.startsWith("GIF89a")) {
            picture = GifReader.read(new ByteCursor("GIF", file), maximumPixels);
        } else if (start.startsWith("II*\0") || start.startsWith("MM\0*")) {
            picture = TiffReader.read(new ByteCursor("TIFF", file), maximumPixels);
        } else if (start.startsWith("BM")) {
            picture = BmpReader.read(new ByteCursor("BMP", file), maximumPixels);
        } else {
            throw new ImageException(unknown(start));
        }
        return picture.upright();
    }

    /**
     * Reads a picture from a stream, to its end.
     *
     * @param maximumBytes  longer streams are refused
     * @param maximumPixels pictures with more are refused by their header alone
     * @throws ImageException if the bytes are too many or no picture, or one that is damaged, truncated, too large or
     *                        not read
     * @throws IOException    if the stream fails
     */
    public static RgbImage read(final InputStream in, final int maximumBytes, final long maximumPixels)
            throws IOException {
        final byte[] file = in.readNBytes(maximumBytes);
        if (in.read() >= 0) {
            throw new ImageException("the picture file has more than " + maximumBytes
                    + " bytes; make it smaller, or raise the limit");
        }
        return read(file, maximumPixels);
    }

    /** Refuses a picture that is empty or too large. */
    static void checkSize(final String format, final long width, final long height, final long maximumPixels) {
        if (width <= 0 || height <= 0) {
            throw new ImageException("the " + format + " picture is " + width + " x " + height
                    + " pixels, which shows nothing; save it anew");
        }
        final long limit = Math.min(maximumPixels, ARRAY_PIXELS);
        // Both factors have 32 bits at most.
        if (height > limit / width) {
            throw new ImageException("the " + format + " picture is " + width + " x " + height
                    + " pixels; accepted are " + limit + " in all. Make it smaller");
        }
    }

    private static String unknown(final ByteCursor start) {
        if (start.remaining() == 0) {
            return "the picture is empty (0 bytes)" + ACCEPTED;
        }
        final String format;
        if (start.startsWith("II+\0") || start.startsWith("MM\0+")) {
            format = "BigTIFF";
        } else if (start.startsWith("ftyp", 4)) {
            format = "HEIC, AVIF or a video";
        } else if (start.startsWith("%PDF")) {
            format = "PDF";
        } else if (start.startsWith("8BPS")) {
            format = "Photoshop";
        } else if (start.startsWith("<")) {
            format = "SVG or other markup";
        } else {
            return "the content of " + start.end() + " bytes is no picture that is known; it begins with "
                    + HexFormat.ofDelimiter(" ").formatHex(start.bytes(), 0,
                    Math.min(SHOWN_BYTES, start.end())) + ACCEPTED;
        }
        return "the content of " + start.end() + " bytes is " + format + ", which is not read" + ACCEPTED;
    }
}
