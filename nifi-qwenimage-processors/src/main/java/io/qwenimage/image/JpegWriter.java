package io.qwenimage.image;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Writes JPEG files by the Java class library's encoder, with Exif and XMP segments behind the JFIF header. */
final class JpegWriter {
    static final String XMP_HEADER = "http://ns.adobe.com/xap/1.0/\0";

    private static final String EXIF_HEADER = "Exif\0\0";
    private static final int START_OF_IMAGE = 0xffd8;
    private static final int JFIF_SEGMENT = 0xffe0;
    private static final int METADATA_SEGMENT = 0xffe1;
    /** A segment's 16-bit length counts itself. */
    private static final int SEGMENT_BYTES = 0xffff - 2;

    private JpegWriter() {
    }

    static void write(final RgbImage image, final float quality, final ImageMetadata metadata, final OutputStream out)
            throws IOException {
        final byte[] file = encode(image, quality);
        final int jfifEnd = jfifEnd(file);
        out.write(file, 0, jfifEnd);
        segment(out, EXIF_HEADER, ExifBlock.write(metadata, SEGMENT_BYTES - EXIF_HEADER.length()));
        segment(out, XMP_HEADER, XmpPacket.write(metadata, SEGMENT_BYTES - XMP_HEADER.length()));
        out.write(file, jfifEnd, file.length - jfifEnd);
    }

    private static byte[] encode(final RgbImage image, final float quality) throws IOException {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        final ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (MemoryCacheImageOutputStream stream = new MemoryCacheImageOutputStream(bytes)) {
            final ImageWriteParam parameters = writer.getDefaultWriteParam();
            parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            parameters.setCompressionQuality(quality);
            writer.setOutput(stream);
            writer.write(null, new IIOImage(RgbImages.toBufferedImage(image), null, null), parameters);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static int jfifEnd(final byte[] file) throws IOException {
        if (uint16(file, 0) != START_OF_IMAGE) {
            throw new IOException("the JPEG encoder wrote " + file.length + " bytes that are no JPEG file");
        }
        return uint16(file, 2) == JFIF_SEGMENT ? 4 + uint16(file, 4) : 2;
    }

    private static int uint16(final byte[] bytes, final int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
    }

    private static void segment(final OutputStream out, final String header, final byte[] data) throws IOException {
        if (data == null) {
            return;
        }
        final DataOutputStream numbers = new DataOutputStream(out);
        numbers.writeShort(METADATA_SEGMENT);
        numbers.writeShort(2 + header.length() + data.length);
        numbers.write(header.getBytes(StandardCharsets.US_ASCII));
        numbers.write(data);
    }
}
