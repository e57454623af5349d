package io.qwenimage.image;

import java.util.Arrays;

/** Reads the first frame of GIF files (GIF89a), on the whole screen. */
final class GifReader {
    private static final int SIGNATURE_BYTES = 6;
    private static final int EXTENSION = '!';
    private static final int PICTURE = ',';
    private static final int CONTROL = 0xf9;
    private static final int TABLE_FLAG = 0x80;
    private static final int INTERLACED_FLAG = 0x40;
    private static final int COLOURS = 256;
    private static final int LONGEST_CODE = 12;
    /** First row and step of each pass of an interlaced picture. */
    private static final int[][] PASSES = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    private static final int[][] ONE_PASS = {{0, 1}};

    private final ByteCursor file;
    private final long maximumPixels;
    private int screenWidth;
    private int screenHeight;
    /** Packed RGB; null while there is none. */
    private int[] colours;
    /** Index that stands for transparency and fills the screen around the frame. */
    private int background;

    private GifReader(final ByteCursor file, final long maximumPixels) {
        this.file = file;
        this.maximumPixels = maximumPixels;
    }

    static DecodedPicture read(final ByteCursor file, final long maximumPixels) {
        return new DecodedPicture(new GifReader(file, maximumPixels).read(), null, null);
    }

    private RgbImage read() {
        file.at(SIGNATURE_BYTES);
        screenWidth = file.uint16LittleEndian();
        screenHeight = file.uint16LittleEndian();
        final int flags = file.uint8();
        file.skip(2);
        if ((flags & TABLE_FLAG) != 0) {
            colours = table(flags);
        }
        int block = file.uint8();
        while (block == EXTENSION) {
            extension();
            block = file.uint8();
        }
        if (block != PICTURE) {
            throw file.damaged("it holds no frame");
        }
        return frame();
    }

    /** Colours that the table leaves out are black; a table of greys in order counts as none, as in Pillow. */
    private int[] table(final int flags) {
        final int count = 2 << (flags & 7);
        final int[] table = new int[COLOURS];
        boolean greys = true;
        for (int i = 0; i < count; i++) {
            table[i] = file.uint8() << 16 | file.uint8() << 8 | file.uint8();
            greys &= table[i] == i * 0x010101;
        }
        return greys ? greys() : table;
    }

    private static int[] greys() {
        final int[] table = new int[COLOURS];
        for (int i = 0; i < COLOURS; i++) {
            table[i] = i * 0x010101;
        }
        return table;
    }

    private void extension() {
        final int label = file.uint8();
        final int length = file.uint8();
        final ByteCursor content = file.slice(length);
        if (label == CONTROL && length >= 4 && (content.uint8() & 1) != 0) {
            background = content.skip(2).uint8();
        }
        if (length > 0) {
            for (int more = file.uint8(); more > 0; more = file.uint8()) {
                file.skip(more);
            }
        }
    }

    private RgbImage frame() {
        final int left = file.uint16LittleEndian();
        final int top = file.uint16LittleEndian();
        final int width = file.uint16LittleEndian();
        final int height = file.uint16LittleEndian();
        final int flags = file.uint8();
        if ((flags & TABLE_FLAG) != 0) {
            colours = table(flags);
        } else if (colours == null) {
            colours = greys();
        }
        screenWidth = Math.max(screenWidth, left + width);
        screenHeight = Math.max(screenHeight, top + height);
        ImageDecoder.checkSize(file.format(), width, height, maximumPixels);
        ImageDecoder.checkSize(file.format(), screenWidth, screenHeight, maximumPixels);
        // Twelve bits stand for some thousand pixels at most.
        if ((long) width * height > (8L * file.remaining() / 3 + 1) << LONGEST_CODE) {
            throw file.truncated();
        }
        final byte[] indices = new byte[screenWidth * screenHeight];
        Arrays.fill(indices, (byte) background);
        final int[][] passes = (flags & INTERLACED_FLAG) == 0 ? ONE_PASS : PASSES;
        final Codes codes = new Codes(file, file.uint8());
        final byte[] row = new byte[width];
        for (final int[] pass : passes) {
            for (int y = pass[0]; y < height; y += pass[1]) {
                codes.read(row);
                System.arraycopy(row, 0, indices, (top + y) * screenWidth + left, width);
            }
        }
        return coloured(indices);
    }

    private RgbImage coloured(final byte[] indices) {
        final byte[] rgb = new byte[indices.length * 3];
        for (int i = 0; i < indices.length; i++) {
            final int colour = colours[indices[i] & 0xff];
            rgb[3 * i] = (byte) (colour >> 16);
            rgb[3 * i + 1] = (byte) (colour >> 8);
            rgb[3 * i + 2] = (byte) colour;
        }
        return new RgbImage(screenWidth, screenHeight, rgb);
    }

    /** Strings of indices in LZW codes of growing length, in blocks of up to 255 bytes. */
    private static final class Codes {
        private final ByteCursor file;
        private final int minimumBits;
        private final int clear;
        /** [code]: the last index of its string, and the code of what stands before that. */
        private final byte[] suffix = new byte[1 << LONGEST_CODE];
        private final short[] prefix = new short[1 << LONGEST_CODE];
        /** The current string, last index first. */
        private final byte[] pending = new byte[(1 << LONGEST_CODE) + 1];
        private int pendingCount;
        private int bits;
        private int next;
        private int previous = -1;
        private int firstIndex;
        private int buffer;
        private int buffered;
        private int blockBytes;

        private Codes(final ByteCursor file, final int minimumBits) {
            this.file = file;
            this.minimumBits = minimumBits;
            if (minimumBits < 1 || minimumBits > 8) {
                throw file.damaged("its codes begin with " + minimumBits + " bits");
            }
            clear = 1 << minimumBits;
            for (int i = 0; i < clear; i++) {
                suffix[i] = (byte) i;
            }
            restart();
        }

        private void restart() {
            bits = minimumBits + 1;
            next = clear + 2;
            previous = -1;
        }

        private void read(final byte[] row) {
            for (int x = 0; x < row.length; x++) {
                while (pendingCount == 0) {
                    string(code());
                }
                row[x] = pending[--pendingCount];
            }
        }

        private void string(final int code) {
            if (code == clear) {
                restart();
                return;
            }
            if (code == clear + 1) {
                throw file.truncated();
            }
            if (code > next || previous < 0 && code >= clear) {
                throw file.damaged("a code stands before its string");
            }
            int link = code;
            if (code == next) {
                // The string before, and its first index once more.
                pending[pendingCount++] = (byte) firstIndex;
                link = previous;
            }
            while (link >= clear) {
                pending[pendingCount++] = suffix[link];
                link = prefix[link];
            }
            pending[pendingCount++] = (byte) link;
            firstIndex = link;
            if (previous >= 0 && next < 1 << LONGEST_CODE) {
                suffix[next] = (byte) firstIndex;
                prefix[next] = (short) previous;
                if (next == (1 << bits) - 1 && bits < LONGEST_CODE) {
                    bits++;
                }
                next++;
            }
            previous = code;
        }

        private int code() {
            while (buffered < bits) {
                if (blockBytes == 0) {
                    blockBytes = file.uint8();
                    if (blockBytes == 0) {
                        throw file.truncated();
                    }
                }
                buffer |= file.uint8() << buffered;
                blockBytes--;
                buffered += 8;
            }
            final int code = buffer & (1 << bits) - 1;
            buffer >>>= bits;
            buffered -= bits;
            return code;
        }
    }
}
