package io.qwenimage.nifi.processors;

import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Picture files and archives of them. */
final class Pictures {
    private static final int BLOCK = 512;

    private Pictures() {
    }

    /** A PNG of one shade. */
    static byte[] png(final int width, final int height, final int shade) {
        final byte[] rgb = new byte[3 * width * height];
        Arrays.fill(rgb, (byte) shade);
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            ImageEncoder.write(new RgbImage(width, height, rgb), ImageFormat.PNG, 1,
                    new ImageMetadata(null, null, null, null, null, null, null, null, null, null), out);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    static byte[] zip(final Map<String, byte[]> files) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            for (final Map.Entry<String, byte[]> file : files.entrySet()) {
                zip.putNextEntry(new ZipEntry(file.getKey()));
                zip.write(file.getValue());
            }
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    /** In the form of POSIX; names that end with a slash are folders. */
    static byte[] tar(final Map<String, byte[]> files) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        files.forEach((name, content) -> {
            final byte[] header = new byte[BLOCK];
            put(header, 0, name);
            put(header, 100, "0000644\0" + "0000000\0" + "0000000\0");
            put(header, 124, String.format("%011o\0", content.length));
            put(header, 136, "00000000000\0" + "        ");
            header[156] = (byte) (name.endsWith("/") ? '5' : '0');
            put(header, 257, "ustar\0" + "00");
            int sum = 0;
            for (final byte value : header) {
                sum += value & 0xff;
            }
            put(header, 148, String.format("%06o\0 ", sum));
            out.writeBytes(header);
            out.writeBytes(content);
            out.writeBytes(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
        });
        out.writeBytes(new byte[2 * BLOCK]);
        return out.toByteArray();
    }

    private static void put(final byte[] header, final int place, final String text) {
        final byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, header, place, bytes.length);
    }
}
