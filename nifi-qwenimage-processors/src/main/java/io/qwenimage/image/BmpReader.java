package io.qwenimage.image;

/**
 * Reads Windows and OS/2 bitmaps: 1, 4 and 8 bits with a palette, plain or run-length coded, and 16, 24 and 32 bits with
 * the channel layouts that Pillow knows.
 */
final class BmpReader {
    private static final int FILE_HEADER_BYTES = 14;
    private static final int CORE_HEADER_BYTES = 12;
    private static final int INFO_HEADER_BYTES = 40;
    private static final int PLAIN = 0;
    private static final int RUNS_8 = 1;
    private static final int RUNS_4 = 2;
    private static final int MASKS = 3;
    private static final int COLOURS = 256;

    private final ByteCursor file;
    private int width;
    private int height;
    private boolean topDown;
    private int bits;
    private int compression;
    /** Red, green, blue: shift and largest value. */
    private int[][] channels = {{10, 31}, {5, 31}, {0, 31}};
    private int[] colours;

    private BmpReader(final ByteCursor file) {
        this.file = file;
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        final BmpReader reader = new BmpReader(file);
        file.at(10);
        final long offset = file.uint32LittleEndian();
        reader.header(maximumPixels);
        if (offset > 0) {
            file.at(offset);
        }
        return new DecodedPicture(reader.pixels(), null, null);
    }

    private void header(final long maximumPixels) {
        final long length = file.uint32LittleEndian();
        if (length != CORE_HEADER_BYTES && (length < INFO_HEADER_BYTES || length > 124)) {
            throw file.damaged("its header has " + length + " bytes");
        }
        final boolean core = length == CORE_HEADER_BYTES;
        final long wide = core ? file.uint16LittleEndian() : file.uint32LittleEndian();
        final long high = core ? file.uint16LittleEndian() : (int) file.uint32LittleEndian();
        ImageDecoder.checkSize(file.format(), wide, Math.abs(high), maximumPixels);
        width = (int) wide;
        height = (int) Math.abs(high);
        topDown = high < 0;
        file.skip(2);
        bits = file.uint16LittleEndian();
        long count = 0;
        if (!core) {
            compression = (int) file.uint32LittleEndian();
            file.skip(12);
            count = file.uint32LittleEndian();
        }
        check();
        if (compression == MASKS) {
            file.at(FILE_HEADER_BYTES + INFO_HEADER_BYTES);
            masks();
        } else if (bits > 16) {
            channels = new int[][] {{16, 255}, {8, 255}, {0, 255}};
        }
        if (bits <= 8) {
            file.at(FILE_HEADER_BYTES + length);
            palette(core ? 3 : 4, count == 0 ? 1 << bits : count);
        }
    }

    private void check() {
        final boolean known = switch (compression) {
            case PLAIN -> bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
            case RUNS_8 -> bits == 8;
            case RUNS_4 -> bits == 4;
            case MASKS -> bits == 16 || bits == 32;
            default -> false;
        };
        if (!known) {
            throw file.unsupported(bits + " bits with compression " + compression);
        }
        // Two bytes stand for a run of 255 pixels at most.
        final long fewestBytes = compression == RUNS_8 || compression == RUNS_4 ? (long) width * height / 128
                : (long) height * rowBytes();
        if (fewestBytes > file.bytes().length) {
            throw file.truncated();
        }
    }

    private void masks() {
        final long[] masks = {file.uint32LittleEndian(), file.uint32LittleEndian(), file.uint32LittleEndian()};
        if (masks[0] == 0 && masks[1] == 0 && masks[2] == 0) {
            masks[0] = 0xff0000;
            masks[1] = 0xff00;
            masks[2] = 0xff;
        }
        for (int i = 0; i < masks.length; i++) {
            final int shift = Long.numberOfTrailingZeros(masks[i]);
            final long largest = masks[i] == 0 ? 0 : masks[i] >> shift;
            final boolean known = bits == 32 ? largest == 255 && shift % 8 == 0 : largest == 31 || largest == 63;
            if (!known) {
                throw file.unsupported("a channel mask of " + Long.toHexString(masks[i]));
            }
            channels[i] = new int[] {shift, (int) largest};
        }
    }

    private void palette(final int entryBytes, final long count) {
        colours = new int[COLOURS];
        for (int i = 0; i < Math.min(COLOURS, count); i++) {
            colours[i] = file.uint8() | file.uint8() << 8 | file.uint8() << 16;
            file.skip(entryBytes - 3);
        }
    }

    private int rowBytes() {
        return (int) (((long) width * bits + 31) / 32 * 4);
    }

    private RgbImage pixels() {
        final byte[] rgb = new byte[width * height * 3];
        if (compression == RUNS_8 || compression == RUNS_4) {
            final byte[] indices = runs();
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    put(rgb, y, x, colours[indices[y * width + x] & 0xff]);
                }
            }
        } else {
            for (int y = 0; y < height; y++) {
                row(rgb, y, file.slice(rowBytes()));
            }
        }
        return new RgbImage(width, height, rgb);
    }

    private void row(final byte[] rgb, final int y, final ByteCursor row) {
        final byte[] bytes = row.bytes();
        final int start = row.position();
        for (int x = 0; x < width; x++) {
            if (bits <= 8) {
                final int bit = x * bits;
                put(rgb, y, x, colours[(bytes[start + bit / 8] & 0xff) >> 8 - bits - bit % 8 & (1 << bits) - 1]);
                continue;
            }
            long pixel = 0;
            for (int i = bits / 8 - 1; i >= 0; i--) {
                pixel = pixel << 8 | bytes[start + x * bits / 8 + i] & 0xff;
            }
            put(rgb, y, x, channel(pixel, 0) << 16 | channel(pixel, 1) << 8 | channel(pixel, 2));
        }
    }

    private int channel(final long pixel, final int index) {
        final int largest = channels[index][1];
        return (int) (pixel >> channels[index][0] & largest) * 255 / largest;
    }

    /** Rows stand from the bottom to the top unless the height is negative. */
    private void put(final byte[] rgb, final int y, final int x, final int colour) {
        final int at = ((topDown ? y : height - 1 - y) * width + x) * 3;
        rgb[at] = (byte) (colour >> 16);
        rgb[at + 1] = (byte) (colour >> 8);
        rgb[at + 2] = (byte) colour;
    }

    /** Run-length codes: what they step over has index 0. */
    private byte[] runs() {
        final byte[] indices = new byte[width * height];
        int x = 0;
        int y = 0;
        while (y < height) {
            final int count = file.uint8();
            final int value = file.uint8();
            if (count > 0) {
                for (int i = 0; i < count; i++) {
                    x = index(indices, x, y, bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
                }
            } else if (value == 0) {
                x = 0;
                y++;
            } else if (value == 1) {
                if (y < height - 1 || x < width) {
                    throw file.truncated();
                }
                return indices;
            } else if (value == 2) {
                x += file.uint8();
                y += file.uint8();
            } else {
                x = literal(indices, x, y, value);
            }
        }
        return indices;
    }

    private int literal(final byte[] indices, final int start, final int y, final int count) {
        final int bytes = (count * bits + 7) / 8;
        final ByteCursor run = file.slice(bytes);
        // Runs end on even places.
        file.skip(Math.min(bytes % 2, file.remaining()));
        int x = start;
        int value = 0;
        for (int i = 0; i < count; i++) {
            if (bits == 8 || i % 2 == 0) {
                value = run.uint8();
            }
            x = index(indices, x, y, bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
        }
        return x;
    }

    /** Sets an index if its place lies within the picture, and moves on. */
    private int index(final byte[] indices, final int x, final int y, final int value) {
        if (x < width && y < height) {
            indices[y * width + x] = (byte) value;
        }
        return x + 1;
    }
}
