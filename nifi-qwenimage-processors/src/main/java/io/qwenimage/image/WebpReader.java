package io.qwenimage.image;

import com.luciad.imageio.webp.WebPImageReaderSpi;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Reads WebP files by libwebp (container: RFC 9649); of an animation the first frame, on a black canvas. The decoder is
 * made directly, not through the process-wide registry of the Java class library, which does not see into every class
 * loader.
 */
final class WebpReader {
    private static final int RIFF_HEADER_BYTES = 12;
    private static final int EXTENDED_HEADER_BYTES = 10;
    private static final int LOSSLESS_SIGNATURE = 0x2f;
    private static final int EXIF_FLAG = 0x08;
    private static final int XMP_FLAG = 0x04;

    private final ByteCursor file;
    private final long maximumPixels;
    private ImageSize canvas;
    private int flags;
    private byte[] exif;
    private byte[] xmp;
    private RgbImage image;

    private WebpReader(final ByteCursor file, final long maximumPixels) {
        this.file = file;
        this.maximumPixels = maximumPixels;
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        final WebpReader reader = new WebpReader(file, maximumPixels);
        final ByteCursor chunks = file.at(4).slice(4);
        final long length = chunks.uint32LittleEndian();
        if (length < 4 || length > file.remaining()) {
            throw file.truncated();
        }
        reader.container(file.slice(length).skip(4));
        if (reader.image == null) {
            throw file.truncated();
        }
        return new DecodedPicture(reader.image, (reader.flags & EXIF_FLAG) == 0 ? null : reader.exif,
                (reader.flags & XMP_FLAG) == 0 ? null : reader.xmp);
    }

    private void container(final ByteCursor chunks) {
        byte[] alpha = null;
        while (chunks.remaining() > 0) {
            final Chunk chunk = Chunk.next(chunks);
            switch (chunk.name()) {
                case "VP8X" -> extended(chunk.content());
                case "ALPH" -> alpha = chunk.content().copy(chunk.content().remaining());
                case "VP8 ", "VP8L" -> {
                    if (image == null) {
                        still(chunk, alpha);
                    }
                }
                case "ANMF" -> {
                    if (image == null) {
                        frame(chunk.content());
                    }
                }
                case "EXIF" -> exif = chunk.content().copy(chunk.content().remaining());
                case "XMP " -> xmp = chunk.content().copy(chunk.content().remaining());
                default -> {
                }
            }
        }
    }

    private void extended(final ByteCursor content) {
        flags = content.uint8();
        content.skip(3);
        final int width = content.uint24LittleEndian() + 1;
        final int height = content.uint24LittleEndian() + 1;
        ImageDecoder.checkSize(file.format(), width, height, maximumPixels);
        canvas = new ImageSize(width, height);
    }

    private void still(final Chunk pixels, final byte[] alpha) {
        final ImageSize size = size(pixels);
        if (canvas != null && !canvas.equals(size)) {
            throw file.damaged("its canvas is " + canvas + " pixels, its frame " + size);
        }
        image = decoded(pixels, alpha, size);
    }

    /** The first frame of an animation, whose offsets count by two pixels. */
    private void frame(final ByteCursor content) {
        final int left = 2 * content.uint24LittleEndian();
        final int top = 2 * content.uint24LittleEndian();
        final int width = content.uint24LittleEndian() + 1;
        final int height = content.uint24LittleEndian() + 1;
        if (canvas == null || left + width > canvas.width() || top + height > canvas.height()) {
            throw file.damaged("its first frame lies outside its canvas");
        }
        content.skip(4);
        byte[] alpha = null;
        while (content.remaining() > 0) {
            final Chunk chunk = Chunk.next(content);
            if (chunk.name().equals("ALPH")) {
                alpha = chunk.content().copy(chunk.content().remaining());
            } else if (chunk.name().startsWith("VP8")) {
                final ImageSize size = size(chunk);
                if (!size.equals(new ImageSize(width, height))) {
                    throw file.damaged("its first frame is " + size + " pixels, not " + width + " x " + height);
                }
                image = onCanvas(decoded(chunk, alpha, size), left, top);
                return;
            }
        }
        throw file.damaged("its first frame is empty");
    }

    private RgbImage onCanvas(final RgbImage frame, final int left, final int top) {
        if (canvas.equals(ImageSize.of(frame))) {
            return frame;
        }
        final byte[] rgb = new byte[canvas.width() * canvas.height() * 3];
        for (int y = 0; y < frame.height(); y++) {
            System.arraycopy(frame.rgb(), y * frame.width() * 3, rgb, ((top + y) * canvas.width() + left) * 3,
                    frame.width() * 3);
        }
        return new RgbImage(canvas.width(), canvas.height(), rgb);
    }

    /** The size that the pixels' own header says, checked. */
    private ImageSize size(final Chunk pixels) {
        final ByteCursor header = pixels.content();
        final int start = header.position();
        final int width;
        final int height;
        if (pixels.name().equals("VP8L")) {
            if (header.uint8() != LOSSLESS_SIGNATURE) {
                throw file.damaged("its lossless frame has no signature");
            }
            final long bits = header.uint32LittleEndian();
            width = (int) (bits & 0x3fff) + 1;
            height = (int) (bits >> 14 & 0x3fff) + 1;
        } else {
            header.skip(6);
            width = header.uint16LittleEndian() & 0x3fff;
            height = header.uint16LittleEndian() & 0x3fff;
        }
        header.at(start);
        ImageDecoder.checkSize(file.format(), width, height, maximumPixels);
        return new ImageSize(width, height);
    }

    private RgbImage decoded(final Chunk pixels, final byte[] alpha, final ImageSize size) {
        final ImageReader reader = new WebPImageReaderSpi().createReaderInstance(null);
        try (MemoryCacheImageInputStream stream = new MemoryCacheImageInputStream(
                new ByteArrayInputStream(still(pixels, alpha, size)))) {
            reader.setInput(stream);
            final BufferedImage decoded = reader.read(0, null);
            if (decoded.getWidth() != size.width() || decoded.getHeight() != size.height()) {
                throw file.damaged("it is " + decoded.getWidth() + " x " + decoded.getHeight() + " pixels, not " + size);
            }
            return RgbImages.fromBufferedImage(decoded);
        } catch (IOException e) {
            throw new ImageException("the WebP picture of " + file.bytes().length + " bytes is damaged or truncated ("
                    + e.getMessage() + "); send it again or save it anew", e);
        } catch (OutOfMemoryError e) {
            if (e.getMessage() != null) {
                throw e;
            }
            // Thrown by the library, not by the virtual machine: damaged tables would take more memory than it gives.
            throw file.damaged("its tables make no sense");
        } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
            throw new ImageException("the WebP library does not load on " + System.getProperty("os.name") + " "
                    + System.getProperty("os.arch") + " (" + e.getMessage() + "); send PNG or JPEG instead", e);
        } finally {
            reader.dispose();
        }
    }

    /** A file of one frame. */
    private static byte[] still(final Chunk pixels, final byte[] alpha, final ImageSize size) {
        final ByteArrayOutputStream chunks = new ByteArrayOutputStream();
        chunks.writeBytes("WEBP".getBytes(StandardCharsets.US_ASCII));
        if (alpha != null) {
            final byte[] header = new byte[EXTENDED_HEADER_BYTES];
            header[0] = 0x10;
            uint24(header, 4, size.width() - 1);
            uint24(header, 7, size.height() - 1);
            append(chunks, "VP8X", header);
            append(chunks, "ALPH", alpha);
        }
        append(chunks, pixels.name(), pixels.content().copy(pixels.content().remaining()));
        return ByteBuffer.allocate(RIFF_HEADER_BYTES - 4 + chunks.size()).order(ByteOrder.LITTLE_ENDIAN)
                .put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(chunks.size()).put(chunks.toByteArray())
                .array();
    }

    private static void append(final ByteArrayOutputStream chunks, final String name, final byte[] content) {
        chunks.writeBytes(name.getBytes(StandardCharsets.US_ASCII));
        chunks.writeBytes(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(content.length)
                .array());
        chunks.writeBytes(content);
        if (content.length % 2 != 0) {
            chunks.write(0);
        }
    }

    private static void uint24(final byte[] bytes, final int at, final int value) {
        bytes[at] = (byte) value;
        bytes[at + 1] = (byte) (value >> 8);
        bytes[at + 2] = (byte) (value >> 16);
    }

    /** A named part of a file. */
    private record Chunk(String name, ByteCursor content) {
        private static Chunk next(final ByteCursor chunks) {
            final String name = new String(chunks.copy(4), StandardCharsets.ISO_8859_1);
            final ByteCursor content = chunks.slice(chunks.uint32LittleEndian());
            chunks.skip(Math.min(content.remaining() % 2, chunks.remaining()));
            return new Chunk(name, content);
        }
    }
}
