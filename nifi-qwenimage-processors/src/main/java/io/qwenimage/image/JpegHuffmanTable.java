package io.qwenimage.image;

import javax.imageio.plugins.jpeg.JPEGHuffmanTable;

/** A Huffman table of a JPEG file (ITU-T T.81, annex C), with a fast way for short codes. */
final class JpegHuffmanTable {
    private static final int LONGEST = 16;
    private static final int FAST_BITS = 9;

    /** [next bits]: length << 8 | symbol of the code that they begin with, or 0 if it is longer. */
    private final int[] fast = new int[1 << FAST_BITS];
    /** [length]: the largest code of that length, or -1. */
    private final int[] largest = new int[LONGEST + 1];
    /** [length]: what added to a code of that length gives the index of its symbol. */
    private final int[] offset = new int[LONGEST + 1];
    private final byte[] symbols;

    /** A table that the Java class library knows. */
    JpegHuffmanTable(final JPEGHuffmanTable known) {
        this(new ByteCursor("JPEG", bytes(known)));
    }

    /** Reads a table's counts and symbols. */
    JpegHuffmanTable(final ByteCursor segment) {
        final int[] counts = new int[LONGEST + 1];
        int total = 0;
        for (int length = 1; length <= LONGEST; length++) {
            counts[length] = segment.uint8();
            total += counts[length];
        }
        if (total > 256) {
            throw segment.damaged("a Huffman table has " + total + " codes");
        }
        symbols = segment.copy(total);
        int code = 0;
        int index = 0;
        for (int length = 1; length <= LONGEST; length++) {
            offset[length] = index - code;
            for (int i = 0; i < counts[length]; i++) {
                if (length <= FAST_BITS) {
                    fill(code << FAST_BITS - length, 1 << FAST_BITS - length, length << 8 | symbols[index] & 0xff);
                }
                code++;
                index++;
            }
            if (code > 1 << length) {
                throw segment.damaged("a Huffman table has too many codes of " + length + " bits");
            }
            largest[length] = counts[length] == 0 ? -1 : code - 1;
            code <<= 1;
        }
    }

    private static byte[] bytes(final JPEGHuffmanTable known) {
        final short[] counts = known.getLengths();
        final short[] values = known.getValues();
        final byte[] bytes = new byte[LONGEST + values.length];
        for (int i = 0; i < counts.length; i++) {
            bytes[i] = (byte) counts[i];
        }
        for (int i = 0; i < values.length; i++) {
            bytes[LONGEST + i] = (byte) values[i];
        }
        return bytes;
    }

    private void fill(final int from, final int count, final int value) {
        for (int i = from; i < Math.min(fast.length, from + count); i++) {
            fast[i] = value;
        }
    }

    /** The next symbol; 0 for bits that are no code, as libjpeg reads damaged files. */
    int next(final JpegBits bits) {
        final int entry = fast[bits.peek(FAST_BITS)];
        if (entry != 0) {
            bits.drop(entry >> 8);
            return entry & 0xff;
        }
        for (int length = FAST_BITS + 1; length <= LONGEST; length++) {
            final int code = bits.peek(length);
            if (code <= largest[length]) {
                bits.drop(length);
                return symbols[code + offset[length]] & 0xff;
            }
        }
        bits.drop(LONGEST);
        return 0;
    }
}
