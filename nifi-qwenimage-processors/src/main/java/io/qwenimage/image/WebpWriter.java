package io.qwenimage.image;

import com.luciad.imageio.webp.CompressionType;
import com.luciad.imageio.webp.WebPImageWriterSpi;
import com.luciad.imageio.webp.WebPWriteParam;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import javax.imageio.IIOImage;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Writes WebP files by libwebp, with Exif and XMP chunks (container: RFC 9649). The encoder is made directly, not
 * through the process-wide registry of the Java class library, which does not see into every class loader.
 */
final class WebpWriter {
    private static final int RIFF_HEADER_BYTES = 12;
    private static final int CHUNK_HEADER_BYTES = 8;
    private static final int EXIF_FLAG = 0x08;
    private static final int XMP_FLAG = 0x04;

    private WebpWriter() {
    }

    static void write(final RgbImage image, final float quality, final ImageMetadata metadata, final OutputStream out)
            throws IOException {
        final byte[] file = encode(image, quality);
        final byte[] exif = ExifBlock.write(metadata, Integer.MAX_VALUE);
        final byte[] xmp = XmpPacket.write(metadata);
        final ByteArrayOutputStream chunks = new ByteArrayOutputStream();
        if (exif != null || xmp != null) {
            chunk(chunks, "VP8X", ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN)
                    .putInt((exif == null ? 0 : EXIF_FLAG) | (xmp == null ? 0 : XMP_FLAG))
                    .put(uint24(image.width() - 1)).put(uint24(image.height() - 1)).array());
        }
        pixels(chunks, file);
        chunk(chunks, "EXIF", exif);
        chunk(chunks, "XMP ", xmp);
        out.write(ByteBuffer.allocate(RIFF_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN).put(ascii("RIFF"))
                .putInt(4 + chunks.size()).put(ascii("WEBP")).array());
        chunks.writeTo(out);
    }

    private static byte[] encode(final RgbImage image, final float quality) throws IOException {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        final ImageWriter writer = new WebPImageWriterSpi().createWriterInstance(null);
        try (MemoryCacheImageOutputStream stream = new MemoryCacheImageOutputStream(bytes)) {
            final WebPWriteParam parameters = new WebPWriteParam(Locale.ROOT);
            parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            parameters.setCompressionType(quality == 1 ? CompressionType.Lossless : CompressionType.Lossy);
            parameters.setCompressionQuality(quality);
            writer.setOutput(stream);
            writer.write(null, new IIOImage(RgbImages.toBufferedImage(image), null, null), parameters);
        } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
            throw new IOException("the WebP library does not load on " + System.getProperty("os.name") + " "
                    + System.getProperty("os.arch") + " (" + e.getMessage() + "); write PNG or JPEG instead", e);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    /** Copies the chunks that hold pixels out of the encoder's file. */
    private static void pixels(final ByteArrayOutputStream chunks, final byte[] file) {
        final ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).position(RIFF_HEADER_BYTES);
        while (bytes.remaining() >= CHUNK_HEADER_BYTES) {
            final byte[] name = new byte[4];
            bytes.get(name);
            final byte[] data = new byte[bytes.getInt()];
            bytes.get(data);
            bytes.position(Math.min(bytes.limit(), bytes.position() + data.length % 2));
            final String type = new String(name, StandardCharsets.US_ASCII);
            if (!type.equals("VP8X")) {
                chunk(chunks, type, data);
            }
        }
    }

    private static void chunk(final ByteArrayOutputStream out, final String type, final byte[] data) {
        if (data == null) {
            return;
        }
        out.writeBytes(ByteBuffer.allocate(CHUNK_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN).put(ascii(type))
                .putInt(data.length).array());
        out.writeBytes(data);
        if (data.length % 2 != 0) {
            out.write(0);
        }
    }

    private static byte[] uint24(final int value) {
        return new byte[] {(byte) value, (byte) (value >> 8), (byte) (value >> 16)};
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
