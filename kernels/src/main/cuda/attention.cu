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

#include "attention_products.cuh"

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
