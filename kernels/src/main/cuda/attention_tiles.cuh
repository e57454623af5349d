// The tiles of attention.cu: how they lie in shared memory, how they get there and how fragments of them are read.
#pragma once

#include "ptx.cuh"

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int STAGES = 3;
/** Scores may exceed the anchor by this many powers of two before the row is rescaled. */
constexpr float HEADROOM = 8.0f;
/** Scaled scores beyond this magnitude are first made relative to the anchor: see scores_to_exponents. */
constexpr float HUGE_EXPONENT = 65536.0f;

__device__ __forceinline__ float minus_infinity() {
    return __int_as_float(0xff800000);
}

/** The tiles of one instance, and where an element of a tile lies in shared memory. */
template <int WIDTH_, int KEYS_, int ROW_TILES_>
struct Tiles {
    static constexpr int WIDTH = WIDTH_;
    static constexpr int KEYS = KEYS_;
    static constexpr int ROW_TILES = ROW_TILES_;
    static constexpr int WARP_ROWS = 16 * ROW_TILES;
    static constexpr int ROWS = WARPS * WARP_ROWS;
    static constexpr int CHUNKS = WIDTH / 8;
    /** Rows of whole 128 bytes are swizzled, others get a pitch of an odd number of chunks: no bank conflicts. */
    static constexpr bool SWIZZLED = CHUNKS % 8 == 0;
    static constexpr int PITCH = SWIZZLED ? WIDTH * 2 : WIDTH * 2 + 16;
    /** Query fragments stay in registers where there is room for them; then their tile shares the ring's memory. */
    static constexpr bool QUERIES_IN_REGISTERS = ROW_TILES == 1 && WIDTH <= 128;
    static constexpr int QUERY_BYTES = ROWS * PITCH;
    static constexpr int TILE_BYTES = KEYS * PITCH;
    static constexpr int RING = QUERIES_IN_REGISTERS ? 0 : QUERY_BYTES;
    static constexpr int LAST_STAGE = RING + (STAGES - 1) * TILE_BYTES;
    /** First output row of the block and how many there are: kept here, the loop needs the registers. */
    static constexpr int BOUNDS = RING + STAGES * TILE_BYTES;
    static constexpr int SHARED_BYTES = BOUNDS + 8;
    /** Lanes that copy a row: a quarter of a warp never writes to two rows, whose banks would meet. */
    static constexpr int COPY_LANES = (CHUNKS + 7) / 8 * 8;
    static constexpr int COPY_ROWS = THREADS / COPY_LANES;
    static_assert(WIDTH % 16 == 0 && KEYS % 16 == 0, "fragments are 16 wide");
    static_assert(!QUERIES_IN_REGISTERS || QUERY_BYTES <= TILE_BYTES, "queries arrive in the last stage");

    /** Offset of a chunk of 8 elements of a row. */
    static __device__ __forceinline__ int offset(const int row, const int chunk) {
        return row * PITCH + ((SWIZZLED ? chunk ^ (row & 7) : chunk) << 4);
    }
};

/** A thread copies one chunk of every COPY_ROWS-th row; `bytes` is 0 where the chunk lies beyond the head. */
template <typename Tile>
struct Copier {
    int row;
    int chunk;
    int bytes;

    explicit __device__ __forceinline__ Copier(const int width)
        : row(kept(threadIdx.x / Tile::COPY_LANES)), chunk(threadIdx.x % Tile::COPY_LANES),
          bytes(chunk * 8 < width ? 16 : 0) {}

    /** Offset of the thread's column in a row of the source. */
    __device__ __forceinline__ int column() const {
        return bytes == 0 ? 0 : chunk * 16;
    }

    /** Starts the copies of the rows from `source` on; rows past `last` repeat it: their scores are masked. */
    template <int ROWS>
    __device__ __forceinline__ void copy(const unsigned tile, const unsigned long long source,
                                         const unsigned row_bytes, const int last) const {
        if (THREADS % Tile::COPY_LANES != 0 && row >= Tile::COPY_ROWS
            || Tile::COPY_LANES != Tile::CHUNKS && chunk >= Tile::CHUNKS) {
            return;
        }
#pragma unroll
        for (int start = 0; start < ROWS; start += Tile::COPY_ROWS) {
            if (ROWS % Tile::COPY_ROWS == 0 || start + row < ROWS) {
                const unsigned from = min(start + row, last);
                copy_async_16(tile + Tile::offset(start + row, chunk), source + 1ull * from * row_bytes, bytes);
            }
        }
    }
};

/**
 * Where a lane reads its row of the four 8x8 matrices of a block of 16 rows and 16 columns. Queries (rows of a) and
 * values (columns of b, transposed) come in the order top left, bottom left, top right, bottom right; keys (columns of
 * b) with top right second: so the registers of a fragment follow one another.
 */
template <typename Tile>
struct Fragments {
    unsigned first;

    static __device__ __forceinline__ Fragments rows_first(const unsigned tile) {
        const int lane = threadIdx.x % WARP;
        return {tile + Tile::offset(lane & 15, lane >> 4)};
    }

    static __device__ __forceinline__ Fragments columns_first(const unsigned tile) {
        const int lane = threadIdx.x % WARP;
        return {tile + Tile::offset((lane & 7) + (lane >> 4 << 3), lane >> 3 & 1)};
    }

    __device__ __forceinline__ unsigned at(const int row_block, const int column_block) const {
        const unsigned row = row_block * 16 * Tile::PITCH;
        return Tile::SWIZZLED ? (first ^ column_block % 4 * 32) + row + column_block / 4 * 128
                              : first + row + column_block * 32;
    }
};
