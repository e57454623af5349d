package io.qwenimage.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Reads PNG files (ISO/IEC 15948): every colour type, bit depth and interlacing; of an animation the default picture.
 * As in Pillow, gamma and colour profiles are not applied, 16-bit colours lose their lower byte, and 16-bit greys above
 * 255 become 255.
 */
final class PngReader {
    private static final int SIGNATURE_BYTES = 8;
    private static final int GREY = 0;
    private static final int COLOUR = 2;
    private static final int PALETTE = 3;
    private static final int GREY_ALPHA = 4;
    private static final int COLOUR_ALPHA = 6;
    /** Deflate writes at least one bit for 129 bytes. */
    private static final int BEST_COMPRESSION = 1032;
    private static final int MAXIMUM_TEXT_BYTES = 1 << 20;
    /** Adam7: first column, first row, column step, row step. */
    private static final int[][] PASSES = {
        {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    private static final int[][] ONE_PASS = {{0, 0, 1, 1}};

    private final ByteCursor file;
    private int width;
    private int height;
    private int depth;
    private int colourType;
    private boolean interlaced;
    /** The remaining bytes of the data chunk being inflated. */
    private ByteCursor data;
    private byte[] palette = new byte[0];
    private byte[] exif;
    private byte[] rawProfile;
    private byte[] xmp;
    /** [height, width, 3]. */
    private byte[] rgb;

    private PngReader(final ByteCursor file) {
        this.file = file;
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        final PngReader reader = new PngReader(file);
        file.at(SIGNATURE_BYTES);
        while (reader.data == null) {
            reader.chunk(maximumPixels);
        }
        reader.pixels();
        reader.trailer();
        return new DecodedPicture(new RgbImage(reader.width, reader.height, reader.rgb),
                reader.exif == null ? reader.rawProfile : reader.exif, reader.xmp);
    }

    private void chunk(final long maximumPixels) {
        final long length = file.uint32BigEndian();
        final int start = file.position();
        final String type = new String(file.copy(4), StandardCharsets.ISO_8859_1);
        if (width == 0 && !type.equals("IHDR")) {
            throw file.damaged("it begins with the chunk " + type + ", not IHDR");
        }
        if (type.equals("IDAT")) {
            data = file.slice(length);
            return;
        }
        final ByteCursor content = file.slice(length);
        final long checksum = file.uint32BigEndian();
        switch (type) {
            case "IHDR" -> {
                check(type, start, content.end(), checksum);
                header(content, maximumPixels);
            }
            case "PLTE" -> {
                check(type, start, content.end(), checksum);
                palette = content.copy(content.remaining());
            }
            case "IEND" -> throw file.damaged("it holds no pixels");
            default -> ancillary(type, content);
        }
    }

    private void check(final String type, final int start, final int end, final long checksum) {
        final CRC32 crc = new CRC32();
        crc.update(file.bytes(), start, end - start);
        if (crc.getValue() != checksum) {
            throw file.damaged("the checksum of its chunk " + type + " is wrong");
        }
    }

    private void header(final ByteCursor content, final long maximumPixels) {
        final long wide = content.uint32BigEndian();
        final long high = content.uint32BigEndian();
        ImageDecoder.checkSize(file.format(), wide, high, maximumPixels);
        depth = content.uint8();
        colourType = content.uint8();
        content.uint8();
        if (content.uint8() != 0) {
            throw file.damaged("its filter method is unknown");
        }
        interlaced = content.uint8() != 0;
        final boolean known = switch (colourType) {
            case GREY -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
            case PALETTE -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
            case COLOUR, GREY_ALPHA, COLOUR_ALPHA -> depth == 8 || depth == 16;
            default -> false;
        };
        if (!known) {
            throw file.damaged("colour type " + colourType + " with " + depth + " bits does not exist");
        }
        width = (int) wide;
        height = (int) high;
        if (high * rowBytes(width) > (long) BEST_COMPRESSION * file.remaining()) {
            throw file.truncated();
        }
    }

    /** Chunks that can say how the picture is turned. */
    private void ancillary(final String type, final ByteCursor content) {
        switch (type) {
            case "eXIf" -> exif = content.copy(content.remaining());
            case "tEXt", "zTXt", "iTXt" -> text(type, content);
            default -> {
            }
        }
    }

    private void text(final String type, final ByteCursor content) {
        final String key = toZero(content);
        final boolean profile = key.equals("Raw profile type exif");
        if (!profile && !key.equals("XML:com.adobe.xmp")) {
            return;
        }
        boolean compressed = type.equals("zTXt");
        if (compressed) {
            content.uint8();
        } else if (type.equals("iTXt")) {
            compressed = content.uint8() != 0;
            content.uint8();
            toZero(content);
            toZero(content);
        }
        final byte[] text = compressed ? inflated(content) : content.copy(content.remaining());
        if (profile) {
            rawProfile = fromHex(new String(text, StandardCharsets.ISO_8859_1));
        } else {
            xmp = text;
        }
    }

    private static String toZero(final ByteCursor content) {
        final StringBuilder text = new StringBuilder();
        for (int value = content.uint8(); value != 0; value = content.uint8()) {
            text.append((char) value);
        }
        return text.toString();
    }

    /** What stands after ImageMagick's three lines: the profile's name, its length and an empty one before them. */
    private static byte[] fromHex(final String text) {
        final String[] lines = text.split("\n", 4);
        try {
            return lines.length < 4 ? null : HexFormat.of().parseHex(lines[3].replaceAll("\\s", ""));
        } catch (IllegalArgumentException damaged) {
            // A damaged note says nothing about pixels that are whole.
            return null;
        }
    }

    private static byte[] inflated(final ByteCursor content) {
        final Inflater inflater = new Inflater();
        try {
            inflater.setInput(content.bytes(), content.position(), content.remaining());
            final byte[] text = new byte[MAXIMUM_TEXT_BYTES];
            return Arrays.copyOf(text, inflater.inflate(text));
        } catch (DataFormatException damaged) {
            return new byte[0];
        } finally {
            inflater.end();
        }
    }

    private void pixels() {
        rgb = new byte[width * height * 3];
        final int[] colours = colourType == PALETTE ? paletteColours() : greys();
        final Inflater inflater = new Inflater();
        try {
            inflater.setInput(data.bytes(), data.position(), data.remaining());
            for (final int[] pass : interlaced ? PASSES : ONE_PASS) {
                final int columns = (width - pass[0] + pass[2] - 1) / pass[2];
                if (columns > 0) {
                    pass(inflater, columns, pass, colours);
                }
            }
        } catch (DataFormatException e) {
            throw file.damaged("its compressed pixels break off: " + e.getMessage());
        } finally {
            inflater.end();
        }
    }

    private void pass(final Inflater inflater, final int columns, final int[] pass, final int[] colours)
            throws DataFormatException {
        final int length = (int) rowBytes(columns);
        byte[] previous = new byte[length + 1];
        byte[] row = new byte[length + 1];
        for (int y = pass[1]; y < height; y += pass[3]) {
            inflate(inflater, row);
            unfilter(row, previous);
            place(row, columns, (y * width + pass[0]) * 3, pass[2] * 3, colours);
            final byte[] spare = previous;
            previous = row;
            row = spare;
        }
    }

    private long rowBytes(final int columns) {
        return ((long) columns * channels() * depth + 7) / 8;
    }

    private int channels() {
        return switch (colourType) {
            case COLOUR -> 3;
            case GREY_ALPHA -> 2;
            case COLOUR_ALPHA -> 4;
            default -> 1;
        };
    }

    /** Inflates a row, going on from one data chunk to the next. */
    private void inflate(final Inflater inflater, final byte[] row) throws DataFormatException {
        int at = 0;
        while (at < row.length) {
            at += inflater.inflate(row, at, row.length - at);
            if (at < row.length && inflater.needsInput()) {
                nextData();
                inflater.setInput(data.bytes(), data.position(), data.remaining());
            } else if (at < row.length && (inflater.finished() || inflater.needsDictionary())) {
                throw file.truncated();
            }
        }
    }

    private void nextData() {
        file.skip(4);
        final long length = file.uint32BigEndian();
        if (!file.startsWith("IDAT")) {
            throw file.truncated();
        }
        file.skip(4);
        data = file.slice(length);
    }

    /** Undoes a row's filter in place; each row begins with the filter's number. */
    private void unfilter(final byte[] row, final byte[] previous) {
        final int step = Math.max(1, channels() * depth / 8);
        switch (row[0]) {
            case 0 -> {
            }
            case 1 -> {
                for (int i = 1 + step; i < row.length; i++) {
                    row[i] += row[i - step];
                }
            }
            case 2 -> {
                for (int i = 1; i < row.length; i++) {
                    row[i] += previous[i];
                }
            }
            case 3 -> {
                for (int i = 1; i < row.length; i++) {
                    final int left = i > step ? row[i - step] & 0xff : 0;
                    row[i] += (byte) (left + (previous[i] & 0xff) >> 1);
                }
            }
            case 4 -> paeth(row, previous, step);
            default -> throw file.damaged("a row has filter " + row[0]);
        }
    }

    private static void paeth(final byte[] row, final byte[] previous, final int step) {
        for (int i = 1; i < row.length; i++) {
            final int left = i > step ? row[i - step] & 0xff : 0;
            final int up = previous[i] & 0xff;
            final int corner = i > step ? previous[i - step] & 0xff : 0;
            final int toLeft = Math.abs(up - corner);
            final int toUp = Math.abs(left - corner);
            final int toCorner = Math.abs(left + up - 2 * corner);
            row[i] += (byte) (toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner);
        }
    }

    /** Writes a row's pixels from an offset on, so many bytes apart. */
    private void place(final byte[] row, final int columns, final int offset, final int stride, final int[] colours) {
        final int sampleBytes = depth / 8;
        int at = offset;
        if (channels() > 1) {
            final int pixelBytes = channels() * sampleBytes;
            final int nextChannel = colourType == GREY_ALPHA ? 0 : sampleBytes;
            int from = 1;
            for (int x = 0; x < columns; x++) {
                rgb[at] = row[from];
                rgb[at + 1] = row[from + nextChannel];
                rgb[at + 2] = row[from + 2 * nextChannel];
                from += pixelBytes;
                at += stride;
            }
            return;
        }
        for (int x = 0; x < columns; x++) {
            final int colour = colours[sample(row, x)];
            rgb[at] = (byte) (colour >> 16);
            rgb[at + 1] = (byte) (colour >> 8);
            rgb[at + 2] = (byte) colour;
            at += stride;
        }
    }

    private int sample(final byte[] row, final int x) {
        if (depth == 8) {
            return row[1 + x] & 0xff;
        }
        if (depth == 16) {
            return row[1 + 2 * x] == 0 ? row[2 + 2 * x] & 0xff : 255;
        }
        final int bit = x * depth;
        return (row[1 + bit / 8] & 0xff) >> 8 - depth - bit % 8 & (1 << depth) - 1;
    }

    private int[] greys() {
        final int[] greys = new int[256];
        final int scale = depth < 8 ? 255 / ((1 << depth) - 1) : 1;
        for (int i = 0; i < greys.length; i++) {
            greys[i] = Math.min(255, i * scale) * 0x010101;
        }
        return greys;
    }

    /** What the palette leaves out is black. */
    private int[] paletteColours() {
        final int[] colours = new int[256];
        for (int i = 0; i < Math.min(colours.length, palette.length / 3); i++) {
            colours[i] = (palette[3 * i] & 0xff) << 16 | (palette[3 * i + 1] & 0xff) << 8 | palette[3 * i + 2] & 0xff;
        }
        return colours;
    }

    /** Reads what may say how the picture is turned but stands behind the pixels; damage there does not matter. */
    private void trailer() {
        try {
            file.skip(4);
            while (file.remaining() > 0) {
                final long length = file.uint32BigEndian();
                final String type = new String(file.copy(4), StandardCharsets.ISO_8859_1);
                ancillary(type, file.slice(length));
                file.skip(4);
            }
        } catch (ImageException damaged) {
            // Every pixel is there.
            return;
        }
    }
}
