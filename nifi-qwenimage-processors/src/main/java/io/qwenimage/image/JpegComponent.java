package io.qwenimage.image;

/** A component of a JPEG picture: luma, a chroma difference, a colour or an ink. */
final class JpegComponent {
    static final int BLOCK = 8;
    static final int BLOCK_SAMPLES = 64;

    final int identifier;
    final int horizontal;
    final int vertical;
    final int quantisation;
    /** The size in samples that belong to the picture. */
    int width;
    int height;
    /** The size in blocks that belong to the picture, and with those that fill the last units. */
    int blocksWide;
    int blocksHigh;
    int paddedBlocksWide;
    int paddedBlocksHigh;
    /** [paddedBlocksHigh * 8, paddedBlocksWide * 8]. */
    byte[] samples;
    /** [paddedBlocksHigh * paddedBlocksWide, 64], natural order; null unless the file is progressive. */
    short[] coefficients;
    /** The quantisation table at the time of the first scan, natural order. */
    int[] table;
    JpegHuffmanTable directCodes;
    JpegHuffmanTable alternatingCodes;
    /** The last direct coefficient. */
    int prediction;

    JpegComponent(final int identifier, final int horizontal, final int vertical, final int quantisation) {
        this.identifier = identifier;
        this.horizontal = horizontal;
        this.vertical = vertical;
        this.quantisation = quantisation;
    }

    /** Sets sizes and makes room, given the largest sampling factors. */
    void allocate(final ImageSize size, final int largestHorizontal, final int largestVertical,
            final boolean progressive) {
        width = ceil(size.width() * horizontal, largestHorizontal);
        height = ceil(size.height() * vertical, largestVertical);
        blocksWide = ceil(width, BLOCK);
        blocksHigh = ceil(height, BLOCK);
        paddedBlocksWide = ceil(size.width(), BLOCK * largestHorizontal) * horizontal;
        paddedBlocksHigh = ceil(size.height(), BLOCK * largestVertical) * vertical;
        final int padded = Math.multiplyExact(paddedBlocksWide * paddedBlocksHigh, BLOCK_SAMPLES);
        samples = new byte[padded];
        coefficients = progressive ? new short[padded] : null;
    }

    /** Transforms all coefficients of a progressive picture into samples. */
    void transform(final int[] scratch) {
        for (int block = 0; block < paddedBlocksWide * paddedBlocksHigh; block++) {
            for (int i = 0; i < BLOCK_SAMPLES; i++) {
                scratch[i] = coefficients[block * BLOCK_SAMPLES + i] * table[i];
            }
            JpegTransform.inverse(scratch, samples, offset(block / paddedBlocksWide, block % paddedBlocksWide),
                    stride());
        }
        coefficients = null;
    }

    /** Samples from one row to the next. */
    int stride() {
        return paddedBlocksWide * BLOCK;
    }

    /** Where a block's samples begin. */
    int offset(final int blockY, final int blockX) {
        return (blockY * stride() + blockX) * BLOCK;
    }

    private static int ceil(final int number, final int divisor) {
        return (number + divisor - 1) / divisor;
    }
}
