// softmax(q k^T scale) v on tensor cores: forward attention for sm_80 and up.
//
// One block computes a tile of query rows of one head of one sequence. It walks over the keys in tiles; keys and
// values arrive by asynchronous copies in a ring of three tiles (key, value, key, ...), two steps ahead. A warp owns
// 16 * ROW_TILES rows alone, so the softmax needs no exchange between warps: scores and accumulators are F32 in
// registers, probabilities become T and are multiplied in the layout in which the scores came out.
//
// Softmax is online in powers of two, the scale folded into the exponent: p = 2^(s scale - anchor scale). The anchor of
// a row follows its maximum only when a score would exceed it by a factor of 2^8, so most tiles rescale nothing; the
// quotient O / l does not depend on it. (Online softmax: Milakov and Gimelshein, arXiv 1805.02867; tiles and
// exponents: Dao, arXiv 2307.08691.)
//
// Sequence s has query rows query_offsets[s] to query_offsets[s + 1] and key rows key_offsets[s] to key_offsets[s + 1];
// null offsets mean one sequence of `queries` and `keys` rows. Causal: query i of a sequence sees keys up to
// i + (keys - queries) of it. Query head h reads key head h / group. Rows that see no key become zero.
//
//   q [rows, H, D], k and v [rows, H / group, D], strides in elements, D contiguous; out [rows, H D], row stride given
//   T = BF16 or F16; D a multiple of 8, at most WIDTH; addresses and strides multiples of 16 bytes; scale > 0
//   grid (ceil(longest query length / rows), H, sequences); block 128; dynamic shared bytes: below
//
//   entry                     WIDTH  rows  keys  shared  registers (sm_80)
//   attention_64_*               64   128    64   40968     244
//   attention_80_*               80   128    48   47880     227
//   attention_128_*             128   128    64   81928     255
//   attention_64_short_*         64    64    64   24584     128
//   attention_80_short_*         80    64    64   33800     167
//   attention_128_short_*       128    64    64   49160     168
//   attention_256_*             256    64    32   81928     255
//   attention_384_*             384    64    16   86024     255

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

/** What a lane knows of two rows of each of its warp's row tiles: rows lane / 4 and lane / 4 + 8. */
template <typename Tile>
struct RowState {
    float anchor[Tile::ROW_TILES][2];
    float sum[Tile::ROW_TILES][2];
    /** Whether an anchor of this warp is beyond HUGE_EXPONENT. */
    bool huge;
};

template <typename Tile>
using Scores = float[Tile::ROW_TILES][Tile::KEYS / 8][4];
template <typename Tile>
using Accumulator = float[Tile::ROW_TILES][Tile::WIDTH / 8][4];
template <typename Tile>
using QueryFragments = unsigned[Tile::ROW_TILES][Tile::WIDTH / 16][4];

template <typename Tile>
__device__ __forceinline__ void clear(Accumulator<Tile>& accumulator, RowState<Tile>& state) {
    state.huge = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            state.anchor[i][half] = minus_infinity();
            state.sum[i][half] = 0.0f;
        }
#pragma unroll
        for (int n = 0; n < Tile::WIDTH / 8; ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                accumulator[i][n][e] = 0.0f;
            }
        }
    }
}

/** scores = queries keys^T for one tile of keys. */
template <typename T, typename Tile>
__device__ __forceinline__ void multiply_keys(Scores<Tile>& scores, const QueryFragments<Tile>& kept,
                                              const Fragments<Tile> queries, const Fragments<Tile> keys) {
    const float zero[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int c = 0; c < Tile::WIDTH / 16; ++c) {
        unsigned query[Tile::ROW_TILES][4];
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
            if (Tile::QUERIES_IN_REGISTERS) {
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    query[i][e] = kept[i][c][e];
                }
            } else {
                load_matrices(query[i], queries.at(i, c));
            }
        }
#pragma unroll
        for (int n = 0; n < Tile::KEYS / 16; ++n) {
            unsigned key[4];
            load_matrices(key, keys.at(n, c));
#pragma unroll
            for (int i = 0; i < Tile::ROW_TILES; ++i) {
                float (&left)[4] = scores[i][2 * n];
                float (&right)[4] = scores[i][2 * n + 1];
                if (c == 0) {
                    multiply_add<T>(left, query[i], key[0], key[1], zero);
                    multiply_add<T>(right, query[i], key[2], key[3], zero);
                } else {
                    multiply_add<T>(left, query[i], key[0], key[1], left);
                    multiply_add<T>(right, query[i], key[2], key[3], right);
                }
            }
        }
    }
}

/** Scores of keys from `visible` on (counted from the tile's first key) become -infinity. */
template <typename Tile>
__device__ __forceinline__ void mask(Scores<Tile>& scores, const int visible_end, const int causal_step,
                                     const int key_limit) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = 16 * i + 8 * half + lane / 4;
            const int end = min(visible_end + causal_step * row, key_limit) - lane % 4 * 2;
#pragma unroll
            for (int n = 0; n < Tile::KEYS / 8; ++n) {
#pragma unroll
                for (int e = 0; e < 2; ++e) {
                    if (8 * n + e >= end) {
                        scores[i][n][2 * half + e] = minus_infinity();
                    }
                }
            }
        }
    }
}

/** Moves the anchors to the rows' maxima and rescales what has been summed up, if a score exceeds the headroom. */
template <typename Tile>
__device__ __forceinline__ void follow_maximum(const Scores<Tile>& scores, RowState<Tile>& state,
                                               Accumulator<Tile>& accumulator, const float scale,
                                               const float headroom) {
    float maximum[Tile::ROW_TILES][2];
    bool exceeds = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = minus_infinity();
#pragma unroll
            for (int n = 0; n < Tile::KEYS / 8; ++n) {
                largest = fmaxf(largest, fmaxf(scores[i][n][2 * half], scores[i][n][2 * half + 1]));
            }
            maximum[i][half] = largest;
            exceeds = exceeds || largest > state.anchor[i][half] + headroom;
        }
    }
    if (!__any_sync(ALL_LANES, exceeds)) {
        return;
    }
    bool huge = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = fmaxf(maximum[i][half], state.anchor[i][half]);
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 2));
            const float before = state.anchor[i][half];
            const float factor = before == minus_infinity() ? 0.0f : exp2_approximate((before - largest) * scale);
            state.anchor[i][half] = largest;
            state.sum[i][half] *= factor;
            huge = huge || (largest != minus_infinity() && fabsf(largest * scale) > HUGE_EXPONENT);
#pragma unroll
            for (int n = 0; n < Tile::WIDTH / 8; ++n) {
                accumulator[i][n][2 * half] *= factor;
                accumulator[i][n][2 * half + 1] *= factor;
            }
        }
    }
    state.huge = __any_sync(ALL_LANES, huge);
}

/**
 * What is to be subtracted from scaled scores. A scaled score of 2^24 has no fraction left, and the rounding of
 * anchor * scale would appear as a power of two: such scores are made relative to the anchor first, which is exact for
 * the largest.
 */
template <typename Tile>
__device__ __forceinline__ void scores_to_exponents(Scores<Tile>& scores, const RowState<Tile>& state,
                                                    float (&shift)[Tile::ROW_TILES][2], const float scale) {
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float anchor = state.anchor[i][half] == minus_infinity() ? 0.0f : state.anchor[i][half];
            shift[i][half] = anchor * scale;
        }
    }
    if (state.huge) {
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float anchor = state.anchor[i][half] == minus_infinity() ? 0.0f : state.anchor[i][half];
                shift[i][half] = 0.0f;
#pragma unroll
                for (int n = 0; n < Tile::KEYS / 8; ++n) {
                    scores[i][n][2 * half] -= anchor;
                    scores[i][n][2 * half + 1] -= anchor;
                }
            }
        }
    }
}

/** accumulator += 2^(scores scale - shift) values, the sums likewise; one step of 16 keys after the other. */
template <typename T, typename Tile>
__device__ __forceinline__ void multiply_values(const Scores<Tile>& scores, const float (&shift)[Tile::ROW_TILES][2],
                                                RowState<Tile>& state, Accumulator<Tile>& accumulator,
                                                const float scale, const Fragments<Tile> values) {
#pragma unroll
    for (int step = 0; step < Tile::KEYS / 16; ++step) {
        unsigned probability[Tile::ROW_TILES][4];
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
            for (int part = 0; part < 4; ++part) {
                const int half = part % 2;
                const float (&score)[4] = scores[i][2 * step + part / 2];
                const float first = exp2_approximate(score[2 * half] * scale - shift[i][half]);
                const float second = exp2_approximate(score[2 * half + 1] * scale - shift[i][half]);
                state.sum[i][half] += first + second;
                probability[i][part] = pack2<T>(first, second);
            }
        }
#pragma unroll
        for (int c = 0; c < Tile::WIDTH / 16; ++c) {
            unsigned value[4];
            load_matrices_transposed(value, values.at(step, c));
#pragma unroll
            for (int i = 0; i < Tile::ROW_TILES; ++i) {
                multiply_add<T>(accumulator[i][2 * c], probability[i], value[0], value[1], accumulator[i][2 * c]);
                multiply_add<T>(accumulator[i][2 * c + 1], probability[i], value[2], value[3],
                                accumulator[i][2 * c + 1]);
            }
        }
    }
}

/** Divides by the sums and writes the warp's rows through shared memory, so that stores are whole rows. */
template <typename T, typename Tile>
__device__ __forceinline__ void write_rows(const Accumulator<Tile>& accumulator, const RowState<Tile>& state,
                                           const unsigned staging, T* const out, const int out_row,
                                           const int rows, const int chunks) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = state.sum[i][half];
            sum += __shfl_xor_sync(ALL_LANES, sum, 1);
            sum += __shfl_xor_sync(ALL_LANES, sum, 2);
            const float factor = sum > 0.0f ? 1.0f / sum : 0.0f;
            const int row = 16 * i + 8 * half + lane / 4;
#pragma unroll
            for (int n = 0; n < Tile::WIDTH / 8; ++n) {
                shared_store(staging + Tile::offset(row, n) + lane % 4 * 4,
                             pack2<T>(accumulator[i][n][2 * half] * factor, accumulator[i][n][2 * half + 1] * factor));
            }
        }
    }
    __syncwarp();
    constexpr int PIECES = Tile::WARP_ROWS * Tile::CHUNKS;
#pragma unroll 4
    for (int piece = lane; piece < PIECES; piece += WARP) {
        const int row = piece / Tile::CHUNKS;
        const int chunk = piece % Tile::CHUNKS;
        if (row < rows && chunk < chunks) {
            const uint4 value = shared_load_16_bytes(staging + Tile::offset(row, chunk));
            *reinterpret_cast<uint4*>(out + row * static_cast<long long>(out_row) + chunk * 8) = value;
        }
    }
}

template <typename T, typename Tile>
__device__ __forceinline__ void attention(const T* const q, const T* const k, const T* const v, T* const out,
                                          const int* const query_offsets, const int* const key_offsets,
                                          const int queries, const int keys, const int group,
                                          const int width, const int q_row, const int q_head, const int k_row,
                                          const int k_head, const int v_row, const int v_head, const int out_row,
                                          const float scale, const int causal) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    const unsigned shared = shared_address(shared_memory);
    const unsigned ring = shared + Tile::RING;
    const int sequence = blockIdx.z;
    const int head = blockIdx.y;
    const int query_start = query_offsets == nullptr ? 0 : query_offsets[sequence];
    const int query_count = query_offsets == nullptr ? queries : query_offsets[sequence + 1] - query_start;
    const int key_start = key_offsets == nullptr ? 0 : key_offsets[sequence];
    const int key_count = key_offsets == nullptr ? keys : key_offsets[sequence + 1] - key_start;
    // The last tiles of causal attention have the most keys: they go first.
    const int first_row = Tile::ROWS * (causal ? gridDim.x - 1 - blockIdx.x : blockIdx.x);
    if (first_row >= query_count) {
        return;
    }
    volatile int* const bounds = reinterpret_cast<int*>(shared_memory + Tile::BOUNDS);
    if (threadIdx.x == 0) {
        bounds[0] = query_start + first_row;
        bounds[1] = query_count - first_row;
    }
    const int warp = threadIdx.x / WARP;
    const int warp_row = first_row + warp * Tile::WARP_ROWS;
    const int causal_step = causal ? 1 : 0;

    const unsigned row_bytes_k = 2u * k_row;
    const unsigned row_bytes_v = 2u * v_row;
    const Copier<Tile> copier(width);
    const unsigned long long q_source = global_address(q) + (query_start + first_row) * (2ll * q_row)
                                        + head * (2ll * q_head) + copier.column();
    unsigned long long k_source = global_address(k) + key_start * (2ll * k_row) + head / group * (2ll * k_head)
                                  + copier.column();
    unsigned long long v_source = global_address(v) + key_start * (2ll * v_row) + head / group * (2ll * v_head)
                                  + copier.column();

    QueryFragments<Tile> kept;
    Accumulator<Tile> accumulator;
    RowState<Tile> state;
    clear<Tile>(accumulator, state);
    const float headroom = fminf(HEADROOM / scale, 1e30f);

    // Keys from the current tile's first: all of them, and those that the warp's first row sees.
    int left = key_count;
    int visible = causal ? warp_row + key_count - query_count + 1 : key_count;
    const int last_row = min(first_row + Tile::ROWS, query_count) - 1;
    const int block_visible = causal ? min(last_row + key_count - query_count + 1, key_count) : key_count;
    int tiles_left = block_visible <= 0 ? 0 : (block_visible + Tile::KEYS - 1) / Tile::KEYS;
    if (tiles_left > 0) {
        const unsigned query_tile = Tile::QUERIES_IN_REGISTERS ? shared + Tile::LAST_STAGE : shared;
        copier.template copy<Tile::ROWS>(query_tile, q_source, 2u * q_row, query_count - 1 - first_row);
        copy_async_commit();
        copier.template copy<Tile::KEYS>(ring, k_source, row_bytes_k, left - 1);
        copy_async_commit();
        copier.template copy<Tile::KEYS>(ring + Tile::TILE_BYTES, v_source, row_bytes_v, left - 1);
        copy_async_commit();
        const Fragments<Tile> warp_queries =
            Fragments<Tile>::rows_first(query_tile + warp * Tile::WARP_ROWS * Tile::PITCH);
        if (Tile::QUERIES_IN_REGISTERS) {
            copy_async_wait<2>();
            __syncthreads();
#pragma unroll
            for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
                for (int c = 0; c < Tile::WIDTH / 16; ++c) {
                    load_matrices(kept[i][c], warp_queries.at(i, c));
                }
            }
        }
        unsigned key_slot = ring;
        do {
            --tiles_left;
            const unsigned value_slot = key_slot == shared + Tile::LAST_STAGE ? ring : key_slot + Tile::TILE_BYTES;
            const unsigned next_slot = key_slot == ring ? shared + Tile::LAST_STAGE : key_slot - Tile::TILE_BYTES;
            const bool active = min(visible + causal_step * (Tile::WARP_ROWS - 1), left) > 0;
            Scores<Tile> scores;
            copy_async_wait<1>();
            __syncthreads();
            if (tiles_left > 0) {
                k_source += 1ull * Tile::KEYS * row_bytes_k;
                copier.template copy<Tile::KEYS>(next_slot, k_source, row_bytes_k, left - Tile::KEYS - 1);
            }
            copy_async_commit();
            if (active) {
                multiply_keys<T, Tile>(scores, kept, warp_queries, Fragments<Tile>::columns_first(key_slot));
                if (min(visible, left) < Tile::KEYS) {
                    mask<Tile>(scores, visible, causal_step, left);
                }
            }
            copy_async_wait<1>();
            __syncthreads();
            if (tiles_left > 0) {
                v_source += 1ull * Tile::KEYS * row_bytes_v;
                copier.template copy<Tile::KEYS>(key_slot, v_source, row_bytes_v, left - Tile::KEYS - 1);
            }
            copy_async_commit();
            if (active) {
                float shift[Tile::ROW_TILES][2];
                follow_maximum<Tile>(scores, state, accumulator, scale, headroom);
                scores_to_exponents<Tile>(scores, state, shift, scale);
                multiply_values<T, Tile>(scores, shift, state, accumulator, scale,
                                         Fragments<Tile>::rows_first(value_slot));
            }
            left -= Tile::KEYS;
            visible -= Tile::KEYS;
            key_slot = next_slot;
        } while (tiles_left > 0);
    }
    __syncthreads();
    const int out_first = bounds[0] + threadIdx.x / WARP * Tile::WARP_ROWS;
    const int out_count = bounds[1] - threadIdx.x / WARP * Tile::WARP_ROWS;
    write_rows<T, Tile>(accumulator, state, shared + threadIdx.x / WARP * Tile::WARP_ROWS * Tile::PITCH,
                        out + out_first * static_cast<long long>(out_row) + blockIdx.y * width, out_row, out_count,
                        width / 8);
}

#define ATTENTION_ENTRY(NAME, TYPE, WIDTH, KEYS, ROW_TILES, BLOCKS)                                                    \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) NAME(                                                \
        const TYPE* __restrict__ q, const TYPE* __restrict__ k, const TYPE* __restrict__ v, TYPE* __restrict__ out,    \
        const int* __restrict__ query_offsets, const int* __restrict__ key_offsets, const int queries, const int keys, \
        const int group, const int width, const int q_row, const int q_head, const int k_row,                          \
        const int k_head, const int v_row, const int v_head, const int out_row, const float scale,                     \
        const int causal) {                                                                                            \
        attention<TYPE, Tiles<WIDTH, KEYS, ROW_TILES>>(q, k, v, out, query_offsets, key_offsets, queries, keys,        \
                                                       group, width, q_row, q_head, k_row, k_head, v_row, v_head,      \
                                                       out_row, scale, causal);                                        \
    }

#define ATTENTION_ENTRIES(SUFFIX, TYPE)                                \
    ATTENTION_ENTRY(attention_64_##SUFFIX, TYPE, 64, 64, 2, 2)         \
    ATTENTION_ENTRY(attention_80_##SUFFIX, TYPE, 80, 48, 2, 2)         \
    ATTENTION_ENTRY(attention_128_##SUFFIX, TYPE, 128, 64, 2, 2)       \
    ATTENTION_ENTRY(attention_64_short_##SUFFIX, TYPE, 64, 64, 1, 4)   \
    ATTENTION_ENTRY(attention_80_short_##SUFFIX, TYPE, 80, 64, 1, 3)   \
    ATTENTION_ENTRY(attention_128_short_##SUFFIX, TYPE, 128, 64, 1, 3) \
    ATTENTION_ENTRY(attention_256_##SUFFIX, TYPE, 256, 32, 1, 2)       \
    ATTENTION_ENTRY(attention_384_##SUFFIX, TYPE, 384, 16, 1, 2)

ATTENTION_ENTRIES(bf16, bf16)
ATTENTION_ENTRIES(f16, f16)
