package io.qwenimage.image;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Reads the first page of TIFF files (TIFF 6.0): grey, palette, RGB and inks of 1 to 16 bits and grey floating point, in
 * strips or tiles, plain or with LZW, Deflate or PackBits. As in Pillow, 16-bit greys above 255 become 255, floating
 * point is cut to 0..255, and 16-bit colours lose their lower byte.
 */
final class TiffReader {
    private static final int ENTRY_BYTES = 12;
    private static final int WIDTH = 256;
    private static final int HEIGHT = 257;
    private static final int BITS = 258;
    private static final int COMPRESSION = 259;
    private static final int MEANING = 262;
    private static final int FILL_ORDER = 266;
    private static final int STRIP_OFFSETS = 273;
    private static final int SAMPLES = 277;
    private static final int STRIP_ROWS = 278;
    private static final int STRIP_BYTES = 279;
    private static final int PLANES = 284;
    private static final int PREDICTOR = 317;
    private static final int COLOURS = 320;
    private static final int TILE_WIDTH = 322;
    private static final int TILE_HEIGHT = 323;
    private static final int TILE_OFFSETS = 324;
    private static final int TILE_BYTES = 325;
    private static final int EXTRA_SAMPLES = 338;
    private static final int SAMPLE_FORMAT = 339;
    private static final int INVERTED_GREY = 0;
    private static final int GREY = 1;
    private static final int RGB = 2;
    private static final int PALETTE = 3;
    private static final int INKS = 5;
    private static final int FLOATING = 3;
    private static final int PREMULTIPLIED = 1;

    private final ByteCursor file;
    private final boolean little;
    private final Map<Integer, long[]> tags = new HashMap<>();
    private int width;
    private int height;
    private int bits;
    private int samples;
    private int meaning;
    private boolean floating;
    private boolean separate;
    private boolean premultiplied;
    private TiffCompression compression;
    private int[] palette;

    private TiffReader(final ByteCursor file) {
        this.file = file;
        little = file.startsWith("II");
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        final TiffReader reader = new TiffReader(file);
        reader.directory();
        reader.header(maximumPixels);
        // The file itself is laid out as an Exif block is, with the orientation in its first directory.
        return new DecodedPicture(reader.pixels(), file.bytes(), null);
    }

    private void directory() {
        file.at(4).at(uint32(file));
        final ByteCursor entries = file.slice((long) uint16(file) * ENTRY_BYTES);
        while (entries.remaining() > 0) {
            final ByteCursor entry = entries.slice(ENTRY_BYTES);
            final int tag = uint16(entry);
            final int type = uint16(entry);
            final long count = uint32(entry);
            final int bytes = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;
            if (bytes > 0 && count > 0 && count <= file.end() / bytes) {
                final ByteCursor values = count * bytes <= 4 ? entry : file.at(uint32(entry)).slice(count * bytes);
                final long[] numbers = new long[(int) count];
                for (int i = 0; i < numbers.length; i++) {
                    numbers[i] = bytes == 1 ? values.uint8() : bytes == 2 ? uint16(values) : uint32(values);
                }
                tags.put(tag, numbers);
            }
        }
    }

    private void header(final long maximumPixels) {
        ImageDecoder.checkSize(file.format(), number(WIDTH, 0), number(HEIGHT, 0), maximumPixels);
        width = (int) number(WIDTH, 0);
        height = (int) number(HEIGHT, 0);
        compression = TiffCompression.of(number(COMPRESSION, 1), file);
        meaning = (int) number(MEANING, -1);
        samples = (int) number(SAMPLES, 1);
        final long[] depths = tags.getOrDefault(BITS, new long[] {1});
        bits = (int) depths[0];
        final long format = number(SAMPLE_FORMAT, 1);
        floating = format == FLOATING;
        separate = number(PLANES, 1) == 2 && samples > 1;
        premultiplied = number(EXTRA_SAMPLES, 0) == PREMULTIPLIED;
        if (samples < colourSamples() || samples > 6 || Arrays.stream(depths).anyMatch(depth -> depth != bits)
                || !depthIsRead() || format != 1 && !(floating && bits == 32)) {
            throw file.unsupported(samples + " samples of " + Arrays.toString(depths) + " bits and format " + format
                    + " for colours of kind " + meaning);
        }
        if (number(FILL_ORDER, 1) != 1 || separate && (meaning != RGB || premultiplied)) {
            throw file.unsupported("an unusual order of bits or of planes");
        }
        if (meaning == PALETTE) {
            palette();
        }
    }

    private int colourSamples() {
        return switch (meaning) {
            case INVERTED_GREY, GREY, PALETTE -> 1;
            case RGB -> 3;
            case INKS -> 4;
            default -> throw file.unsupported("colours of kind " + meaning);
        };
    }

    private boolean depthIsRead() {
        return switch (meaning) {
            case INVERTED_GREY, GREY -> bits == 8 || samples == 1
                    && (bits == 1 || bits == 2 || bits == 4 || bits == 16 || bits == 32 && floating);
            case PALETTE -> bits == 8 || samples == 1 && (bits == 1 || bits == 2 || bits == 4);
            default -> bits == 8 || bits == 16;
        };
    }

    private void palette() {
        final int count = 1 << bits;
        final long[] map = tags.getOrDefault(COLOURS, new long[0]);
        if (map.length < 3 * count) {
            throw file.damaged("its palette has " + map.length + " values, not " + 3 * count);
        }
        palette = new int[count];
        for (int i = 0; i < count; i++) {
            palette[i] = (int) (map[i] >> 8 << 16 | map[count + i] >> 8 << 8 | map[2 * count + i] >> 8);
        }
    }

    private RgbImage pixels() {
        final boolean tiled = tags.containsKey(TILE_OFFSETS);
        final long pieceWidth = tiled ? number(TILE_WIDTH, 0) : width;
        final long pieceHeight = tiled ? number(TILE_HEIGHT, 0) : Math.min(height, number(STRIP_ROWS, height));
        final long[] offsets = tags.getOrDefault(tiled ? TILE_OFFSETS : STRIP_OFFSETS, new long[0]);
        final long[] lengths = tags.getOrDefault(tiled ? TILE_BYTES : STRIP_BYTES, new long[0]);
        final int planes = separate ? samples : 1;
        if (pieceWidth < 1 || pieceHeight < 1 || pieceWidth > 1 << 20 || pieceHeight > 1 << 20) {
            throw file.damaged("its pieces are " + pieceWidth + " x " + pieceHeight + " pixels");
        }
        final long across = (width + pieceWidth - 1) / pieceWidth;
        final long down = (height + pieceHeight - 1) / pieceHeight;
        final long rowBytes = (pieceWidth * bits * (samples / planes) + 7) / 8;
        final long bytesInAll = across * rowBytes * planes * (tiled ? down * pieceHeight : height);
        if (offsets.length < across * down * planes || bytesInAll > (long) file.end() * compression.bestRatio()) {
            throw file.truncated();
        }
        if (rowBytes * pieceHeight > Integer.MAX_VALUE - 8) {
            throw file.unsupported("pieces of " + pieceWidth + " x " + pieceHeight + " pixels");
        }
        final byte[] rgb = new byte[width * height * 3];
        for (int piece = 0; piece < across * down * planes; piece++) {
            final int plane = (int) (piece / (across * down));
            final int place = (int) (piece % (across * down));
            if (separate && plane > 2) {
                break;
            }
            final int top = (int) (place / across * pieceHeight);
            // The last strip may be shorter.
            final int rows = (int) (tiled ? pieceHeight : Math.min(pieceHeight, height - top));
            final byte[] bytes = new byte[(int) (rowBytes * rows)];
            file.at(offsets[piece]);
            compression.expand(file.slice(piece < lengths.length ? Math.min(lengths[piece], file.remaining())
                    : file.remaining()), bytes);
            place(rgb, bytes, (int) rowBytes, top, (int) (place % across * pieceWidth), plane);
        }
        return new RgbImage(width, height, rgb);
    }

    private void place(final byte[] rgb, final byte[] bytes, final int rowBytes, final int top, final int left,
            final int plane) {
        final int perPixel = separate ? 1 : samples;
        final int columns = Math.min(rowBytes * 8 / (bits * perPixel), width - left);
        for (int row = 0; row < bytes.length / rowBytes && top + row < height; row++) {
            unpredict(bytes, row * rowBytes, rowBytes, perPixel);
            for (int x = 0; x < columns; x++) {
                final int at = ((top + row) * width + left + x) * 3;
                if (separate) {
                    rgb[at + plane] = (byte) eightBits(sample(bytes, row * rowBytes, x));
                } else {
                    final int colour = colour(bytes, row * rowBytes, x * perPixel);
                    rgb[at] = (byte) (colour >> 16);
                    rgb[at + 1] = (byte) (colour >> 8);
                    rgb[at + 2] = (byte) colour;
                }
            }
        }
    }

    /** Undoes differences between neighbours, if the file has them. */
    private void unpredict(final byte[] bytes, final int start, final int length, final int perPixel) {
        final long predictor = number(PREDICTOR, 1);
        if (predictor == 1) {
            return;
        }
        if (predictor != 2 || bits != 8 && bits != 16) {
            throw file.unsupported("predictor " + predictor + " over " + bits + " bits");
        }
        if (bits == 8) {
            for (int i = start + perPixel; i < start + length; i++) {
                bytes[i] += bytes[i - perPixel];
            }
            return;
        }
        for (int i = perPixel; i < length / 2; i++) {
            final int value = sample(bytes, start, i) + sample(bytes, start, i - perPixel);
            bytes[start + 2 * i + (little ? 0 : 1)] = (byte) value;
            bytes[start + 2 * i + (little ? 1 : 0)] = (byte) (value >> 8);
        }
    }

    /** Packed RGB of a pixel whose first sample has an index. */
    private int colour(final byte[] bytes, final int start, final int index) {
        final int first = sample(bytes, start, index);
        switch (meaning) {
            case PALETTE -> {
                return palette[first];
            }
            case RGB -> {
                int packed = 0;
                for (int i = 0; i < 3; i++) {
                    packed = packed << 8 | unmultiplied(bytes, start, index, eightBits(sample(bytes, start, index + i)));
                }
                return packed;
            }
            case INKS -> {
                final int light = 255 - eightBits(sample(bytes, start, index + 3));
                int packed = 0;
                for (int i = 0; i < 3; i++) {
                    packed = packed << 8
                            | JpegColours.ink(eightBits(sample(bytes, start, index + i)), light);
                }
                return packed;
            }
            default -> {
                return grey(first) * 0x010101;
            }
        }
    }

    private int grey(final int sample) {
        if (bits > 8) {
            return Math.min(255, sample);
        }
        final int grey = sample * 255 / ((1 << bits) - 1);
        return meaning == INVERTED_GREY ? 255 - grey : grey;
    }

    /** A colour that was multiplied by its opacity, divided by it, as Pillow does. */
    private int unmultiplied(final byte[] bytes, final int start, final int index, final int colour) {
        if (!premultiplied || samples < 4) {
            return colour;
        }
        final int alpha = eightBits(sample(bytes, start, index + 3));
        return alpha == 0 ? 0 : Math.min(255, 255 * colour / alpha);
    }

    private int eightBits(final int sample) {
        return bits == 16 ? sample >> 8 : sample;
    }

    /** The sample of an index in a row; floating point is cut to 0..255. */
    private int sample(final byte[] bytes, final int start, final int index) {
        switch (bits) {
            case 8 -> {
                return bytes[start + index] & 0xff;
            }
            case 16 -> {
                final int one = bytes[start + 2 * index] & 0xff;
                final int two = bytes[start + 2 * index + 1] & 0xff;
                return little ? two << 8 | one : one << 8 | two;
            }
            case 32 -> {
                int value = 0;
                for (int i = 0; i < 4; i++) {
                    value = value << 8 | bytes[start + 4 * index + (little ? 3 - i : i)] & 0xff;
                }
                return (int) Math.max(0, Math.min(255, Float.intBitsToFloat(value)));
            }
            default -> {
                final int bit = index * bits;
                return (bytes[start + bit / 8] & 0xff) >> 8 - bits - bit % 8 & (1 << bits) - 1;
            }
        }
    }

    private long number(final int tag, final long otherwise) {
        final long[] values = tags.get(tag);
        return values == null ? otherwise : values[0];
    }

    private int uint16(final ByteCursor cursor) {
        return little ? cursor.uint16LittleEndian() : cursor.uint16BigEndian();
    }

    private long uint32(final ByteCursor cursor) {
        return little ? cursor.uint32LittleEndian() : cursor.uint32BigEndian();
    }
}
