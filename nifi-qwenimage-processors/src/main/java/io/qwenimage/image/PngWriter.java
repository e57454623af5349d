package io.qwenimage.image;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/**
 * Writes PNG files (W3C Portable Network Graphics, third edition): 8-bit RGB, rows filtered by the least sum of
 * absolute differences, text chunks before the pixels.
 */
final class PngWriter {
    static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static final String XMP_KEYWORD = "XML:com.adobe.xmp";

    private static final int CHANNELS = 3;
    private static final int FILTERS = 5;
    private static final int CHUNK_BYTES = 1 << 16;

    private PngWriter() {
    }

    static void write(final RgbImage image, final ImageMetadata metadata, final OutputStream out) throws IOException {
        out.write(SIGNATURE);
        chunk(out, "IHDR", ByteBuffer.allocate(13).putInt(image.width()).putInt(image.height())
                .put(new byte[] {8, 2, 0, 0, 0}).array());
        text(out, "parameters", metadata.parameters());
        text(out, "prompt", metadata.prompt());
        text(out, "negative_prompt", metadata.negativePrompt());
        text(out, "seed", metadata.seed());
        text(out, "num_inference_steps", metadata.steps());
        text(out, "true_cfg_scale", metadata.trueCfgScale());
        text(out, "model", metadata.model());
        text(out, "width", metadata.width());
        text(out, "height", metadata.height());
        text(out, "Software", metadata.software());
        final byte[] xmp = XmpPacket.write(metadata);
        if (xmp != null) {
            international(out, XMP_KEYWORD, xmp);
        }
        pixels(out, image);
        chunk(out, "IEND", new byte[0]);
    }

    private static void text(final OutputStream out, final String keyword, final Object value) throws IOException {
        if (value == null || value.toString().isEmpty()) {
            return;
        }
        // A zero would end the text.
        final String text = value.toString().replace('\0', '\ufffd');
        if (!StandardCharsets.ISO_8859_1.newEncoder().canEncode(text)) {
            international(out, keyword, text.getBytes(StandardCharsets.UTF_8));
            return;
        }
        final ByteArrayOutputStream data = new ByteArrayOutputStream();
        data.writeBytes((keyword + "\0" + text).getBytes(StandardCharsets.ISO_8859_1));
        chunk(out, "tEXt", data.toByteArray());
    }

    /** Text in UTF-8, neither compressed nor with a language. */
    private static void international(final OutputStream out, final String keyword, final byte[] text)
            throws IOException {
        final ByteArrayOutputStream data = new ByteArrayOutputStream();
        data.writeBytes((keyword + "\0\0\0\0\0").getBytes(StandardCharsets.ISO_8859_1));
        data.writeBytes(text);
        chunk(out, "iTXt", data.toByteArray());
    }

    private static void pixels(final OutputStream out, final RgbImage image) throws IOException {
        final int rowBytes = image.width() * CHANNELS;
        final Deflater deflater = new Deflater();
        try (DeflaterOutputStream compressed = new DeflaterOutputStream(new ChunkedOutput(out), deflater,
                CHUNK_BYTES)) {
            final byte[][] candidates = new byte[FILTERS][rowBytes + 1];
            byte[] above = new byte[rowBytes];
            byte[] row = new byte[rowBytes];
            for (int y = 0; y < image.height(); y++) {
                System.arraycopy(image.rgb(), y * rowBytes, row, 0, rowBytes);
                compressed.write(bestFilter(row, above, candidates));
                final byte[] swap = above;
                above = row;
                row = swap;
            }
        } finally {
            deflater.end();
        }
    }

    private static byte[] bestFilter(final byte[] row, final byte[] above, final byte[][] candidates) {
        byte[] best = candidates[0];
        long least = Long.MAX_VALUE;
        for (int filter = 0; filter < FILTERS; filter++) {
            final byte[] filtered = candidates[filter];
            filtered[0] = (byte) filter;
            long sum = 0;
            for (int i = 0; i < row.length; i++) {
                final int left = i < CHANNELS ? 0 : row[i - CHANNELS] & 0xff;
                final int corner = i < CHANNELS ? 0 : above[i - CHANNELS] & 0xff;
                final byte value = (byte) (row[i] - predict(filter, left, above[i] & 0xff, corner));
                filtered[i + 1] = value;
                sum += Math.abs(value);
            }
            if (sum < least) {
                least = sum;
                best = filtered;
            }
        }
        return best;
    }

    private static int predict(final int filter, final int left, final int above, final int corner) {
        return switch (filter) {
            case 0 -> 0;
            case 1 -> left;
            case 2 -> above;
            case 3 -> (left + above) / 2;
            default -> paeth(left, above, corner);
        };
    }

    private static int paeth(final int left, final int above, final int corner) {
        final int toLeft = Math.abs(above - corner);
        final int toAbove = Math.abs(left - corner);
        final int toCorner = Math.abs(left + above - 2 * corner);
        if (toLeft <= toAbove && toLeft <= toCorner) {
            return left;
        }
        return toAbove <= toCorner ? above : corner;
    }

    private static void chunk(final OutputStream out, final String type, final byte[] data) throws IOException {
        chunk(out, type, data, 0, data.length);
    }

    private static void chunk(final OutputStream out, final String type, final byte[] data, final int from,
            final int length) throws IOException {
        final byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        final CRC32 checksum = new CRC32();
        checksum.update(name);
        checksum.update(data, from, length);
        final DataOutputStream numbers = new DataOutputStream(out);
        numbers.writeInt(length);
        numbers.write(name);
        numbers.write(data, from, length);
        numbers.writeInt((int) checksum.getValue());
    }

    /** Wraps every write into a chunk of pixels; closing leaves the file open. */
    private static final class ChunkedOutput extends OutputStream {
        private final OutputStream out;

        private ChunkedOutput(final OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(final int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(final byte[] bytes, final int from, final int length) throws IOException {
            chunk(out, "IDAT", bytes, from, length);
        }

        @Override
        public void flush() throws IOException {
            out.flush();
        }
    }
}
