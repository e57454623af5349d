package io.qwenimage.image;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Finds in a file what {@link ImageEncoder} wrote beside the pixels. */
final class MetadataReader {
    private static final int JPEG_START = 0xffd8;
    private static final int JPEG_METADATA = 0xffe1;
    private static final int JPEG_SCAN = 0xffda;
    private static final int RIFF_HEADER_BYTES = 12;

    private MetadataReader() {
    }

    static ImageMetadata read(final byte[] file) throws IOException {
        final ByteBuffer bytes = ByteBuffer.wrap(file);
        try {
            if (startsWith(file, 0, PngWriter.SIGNATURE)) {
                return png(bytes.position(PngWriter.SIGNATURE.length));
            }
            if (startsWith(file, 0, ascii("RIFF")) && startsWith(file, 8, ascii("WEBP"))) {
                return webp(bytes.order(ByteOrder.LITTLE_ENDIAN).position(RIFF_HEADER_BYTES));
            }
            if (file.length > 2 && (bytes.getShort() & 0xffff) == JPEG_START) {
                return jpeg(bytes);
            }
        } catch (BufferUnderflowException | NegativeArraySizeException e) {
            throw new IOException("the picture file of " + file.length + " bytes is cut short or damaged", e);
        }
        throw new IOException("the file of " + file.length + " bytes is neither PNG nor JPEG nor WebP");
    }

    private static ImageMetadata png(final ByteBuffer bytes) throws IOException {
        final Map<String, String> texts = new HashMap<>();
        ImageMetadata fromXmp = ImageMetadata.NONE;
        while (bytes.hasRemaining()) {
            final byte[] data = new byte[Math.min(bytes.getInt(), bytes.remaining())];
            final String type = name(bytes);
            bytes.get(data);
            bytes.getInt();
            final int keywordEnd = indexOfZero(data, 0);
            if (type.equals("tEXt")) {
                texts.put(text(data, 0, keywordEnd), text(data, keywordEnd + 1, data.length));
            } else if (type.equals("iTXt")) {
                final String keyword = text(data, 0, keywordEnd);
                final int languageEnd = indexOfZero(data, keywordEnd + 3);
                final int contentAt = Math.min(indexOfZero(data, languageEnd + 1) + 1, data.length);
                final byte[] content = Arrays.copyOfRange(data, contentAt, data.length);
                if (keyword.equals(PngWriter.XMP_KEYWORD)) {
                    fromXmp = XmpPacket.read(content);
                } else {
                    texts.put(keyword, new String(content, StandardCharsets.UTF_8));
                }
            }
        }
        return fromTexts(texts, fromXmp.digitalSourceType());
    }

    private static ImageMetadata fromTexts(final Map<String, String> texts, final String digitalSourceType)
            throws IOException {
        try {
            return new ImageMetadata(texts.get("prompt"), texts.get("negative_prompt"),
                    XmpPacket.number(texts.get("seed"), Long::valueOf),
                    XmpPacket.number(texts.get("num_inference_steps"), Integer::valueOf),
                    XmpPacket.number(texts.get("true_cfg_scale"), Double::valueOf), texts.get("model"),
                    XmpPacket.number(texts.get("width"), Integer::valueOf),
                    XmpPacket.number(texts.get("height"), Integer::valueOf), digitalSourceType,
                    texts.get("Software"));
        } catch (NumberFormatException e) {
            throw new IOException("a text chunk of the PNG file holds no number (" + e.getMessage() + ")", e);
        }
    }

    private static ImageMetadata jpeg(final ByteBuffer bytes) throws IOException {
        final byte[] header = ascii(JpegWriter.XMP_HEADER);
        while (true) {
            final int marker = bytes.getShort() & 0xffff;
            if (marker == JPEG_SCAN) {
                return ImageMetadata.NONE;
            }
            final byte[] data = new byte[(bytes.getShort() & 0xffff) - 2];
            bytes.get(data);
            if (marker == JPEG_METADATA && startsWith(data, 0, header)) {
                return XmpPacket.read(Arrays.copyOfRange(data, header.length, data.length));
            }
        }
    }

    private static ImageMetadata webp(final ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            final String type = name(bytes);
            final byte[] data = new byte[Math.min(bytes.getInt(), bytes.remaining())];
            bytes.get(data);
            if (data.length % 2 != 0) {
                bytes.get();
            }
            if (type.equals("XMP ")) {
                return XmpPacket.read(data);
            }
        }
        return ImageMetadata.NONE;
    }

    private static String name(final ByteBuffer bytes) {
        final byte[] name = new byte[4];
        bytes.get(name);
        return new String(name, StandardCharsets.US_ASCII);
    }

    private static int indexOfZero(final byte[] data, final int from) {
        int at = from;
        while (at < data.length && data[at] != 0) {
            at++;
        }
        return Math.min(at, data.length);
    }

    private static String text(final byte[] data, final int from, final int to) {
        final Charset latin = StandardCharsets.ISO_8859_1;
        return from >= to ? "" : new String(data, from, to - from, latin);
    }

    private static boolean startsWith(final byte[] file, final int at, final byte[] prefix) {
        return file.length >= at + prefix.length
                && Arrays.equals(file, at, at + prefix.length, prefix, 0, prefix.length);
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
