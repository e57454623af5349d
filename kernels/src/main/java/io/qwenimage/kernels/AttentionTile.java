package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.DeviceProperties;
import java.util.Arrays;

/**
 * The instances of {@code attention.cu}: which shapes of tiles there are, what they take, and which one serves a call.
 * The one place where tiles are chosen.
 *
 * @param entry    name without the type
 * @param width    widest head
 * @param keys     keys of a tile
 * @param warpRows query rows of a warp
 */
record AttentionTile(String entry, int width, int keys, int warpRows) {
    /** Threads of a block. */
    static final int THREADS = 128;

    private static final int WARPS = THREADS / Operands.WARP;
    private static final int STAGES = 3;
    private static final int ELEMENT_BYTES = 2;
    /** Rows of so many bytes are swizzled, others are padded by a chunk. */
    private static final int SWIZZLED_BYTES = 128;
    private static final int CHUNK_BYTES = 16;
    /** What a block keeps beside its tiles. */
    private static final int BOUNDS_BYTES = 8;
    /** Queries stay in registers where a warp has 16 rows of at most so many elements. */
    private static final int WIDEST_IN_REGISTERS = 128;
    private static final int SHORT_WARP_ROWS = 16;
    /** Blocks of tall tiles that a multiprocessor needs at once so that softmax and products overlap. */
    private static final int TALL_BLOCKS = 2;

    /** Four warps of 32 rows: each key fragment serves two products. */
    private static final AttentionTile[] TALL = {new AttentionTile("attention_64", 64, 64, 32),
            new AttentionTile("attention_80", 80, 48, 32), new AttentionTile("attention_128", 128, 64, 32)};
    /** Four warps of 16 rows: windows, few rows, little shared memory, wide heads. */
    private static final AttentionTile[] SHORT = {new AttentionTile("attention_64_short", 64, 64, 16),
            new AttentionTile("attention_80_short", 80, 64, 16), new AttentionTile("attention_128_short", 128, 64, 16),
            new AttentionTile("attention_256", 256, 32, 16), new AttentionTile("attention_384", 384, 16, 16)};

    /** The widest head that tensor cores serve. */
    static int widest() {
        return SHORT[SHORT.length - 1].width;
    }

    /**
     * The tile for a call.
     *
     * @param width   of a head, a multiple of 8
     * @param lengths query rows of the sequences
     * @param heads   of the queries
     */
    static AttentionTile choose(final int width, final int[] lengths, final int heads, final DeviceProperties device) {
        for (final AttentionTile tall : TALL) {
            if (tall.width >= width) {
                final long blocks = heads * Arrays.stream(lengths)
                        .mapToLong(length -> Math.ceilDiv(length, tall.rows())).sum();
                final boolean wasteful = 2 * blocks * tall.rows() > 3 * heads * Arrays.stream(lengths).asLongStream()
                        .sum();
                final boolean fits = TALL_BLOCKS * tall.sharedBytes() <= device.sharedBytesPerBlockOptIn();
                final boolean fills = blocks >= (long) TALL_BLOCKS * device.multiprocessors();
                if (fits && fills && !wasteful) {
                    return tall;
                }
                break;
            }
        }
        return Arrays.stream(SHORT).filter(tile -> tile.width >= width).findFirst().orElseThrow();
    }

    /** Query rows of a block. */
    int rows() {
        return WARPS * warpRows;
    }

    /** Dynamic shared memory of a block. */
    int sharedBytes() {
        final int row = ELEMENT_BYTES * width;
        final int pitch = row % SWIZZLED_BYTES == 0 ? row : row + CHUNK_BYTES;
        final boolean inRegisters = warpRows == SHORT_WARP_ROWS && width <= WIDEST_IN_REGISTERS;
        return (inRegisters ? 0 : rows() * pitch) + STAGES * keys * pitch + BOUNDS_BYTES;
    }
}
