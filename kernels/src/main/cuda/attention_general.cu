// softmax(q k^T scale) v where the tensor cores do not serve: F32, heads that are no multiple of 8, odd strides.
//
// A block computes ROWS query rows of one head; queries and a tile of 32 keys, then of 32 values, are widened to F32 in
// shared memory. A warp owns ROWS / 4 rows: for scores lane i is key i, for outputs lane i holds columns i, i + 32, ...
// Everything is F32 with an online softmax in powers of two.
//
// Sequences, offsets, causality, grouped heads and fully masked rows are as in attention.cu.
//
//   q [rows, H, D], k and v [rows, H / group, D], all three strides in elements; out [rows, H D], row stride given
//   T = BF16, F16 or F32; D at most WIDTH; scale > 0
//   grid (ceil(longest query length / ROWS), H, sequences); block 128
//   shared 4 (ROWS WIDTH + 32 (WIDTH + 4) + 32 ROWS) bytes
//
//   entry                    WIDTH  rows  shared
//   attention_general_64_*      64    32   21504
//   attention_general_128_*    128    32   37376
//   attention_general_256_*    256    32   70144
//   attention_general_384_*    384    16   76288

#include "types.cuh"

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int KEYS = WARP;

__device__ __forceinline__ float minus_infinity() {
    return __int_as_float(0xff800000);
}

__device__ __forceinline__ float4 read4(const float* const from) {
    return *reinterpret_cast<const float4*>(from);
}

/** Widens rows 0 to `rows` - 1 into a tile; what lies beyond them or beyond the head becomes zero. */
template <typename T, int WIDTH, int TILE_ROWS, int PITCH>
__device__ __forceinline__ void fill(float* const tile, const T* const from, const long long row_stride,
                                     const long long element_stride, const int rows, const int width) {
#pragma unroll 4
    for (int index = threadIdx.x; index < TILE_ROWS * WIDTH; index += THREADS) {
        const int row = index / WIDTH;
        const int column = index % WIDTH;
        const bool inside = row < rows && column < width;
        tile[row * PITCH + column] = inside ? to_float(from[row * row_stride + column * element_stride]) : 0.0f;
    }
}

template <typename T, int WIDTH, int ROWS>
__device__ __forceinline__ void attention(const T* const q, const T* const k, const T* const v, T* const out,
                                          const int* const query_offsets, const int* const key_offsets,
                                          const int queries, const int keys, const int group, const int width,
                                          const int q_row, const int q_head, const int q_element, const int k_row,
                                          const int k_head, const int k_element, const int v_row, const int v_head,
                                          const int v_element, const int out_row, const float scale,
                                          const int causal) {
    constexpr int WARP_ROWS = ROWS / WARPS;
    constexpr int COLUMNS = WIDTH / WARP;
    // 16-byte reads of 8 neighbouring keys meet different banks.
    constexpr int KEY_PITCH = WIDTH + 4;
    extern __shared__ __align__(16) float shared_floats[];
    float* const query_tile = shared_floats;
    float* const key_tile = query_tile + ROWS * WIDTH;
    float* const probabilities = key_tile + KEYS * KEY_PITCH;

    const int sequence = blockIdx.z;
    const int head = blockIdx.y;
    const int key_head = head / group;
    const int query_start = query_offsets == nullptr ? 0 : query_offsets[sequence];
    const int query_count = query_offsets == nullptr ? queries : query_offsets[sequence + 1] - query_start;
    const int key_start = key_offsets == nullptr ? 0 : key_offsets[sequence];
    const int key_count = key_offsets == nullptr ? keys : key_offsets[sequence + 1] - key_start;
    const int first_row = blockIdx.x * ROWS;
    if (first_row >= query_count) {
        return;
    }
    const int warp = threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    const int warp_row = first_row + warp * WARP_ROWS;
    const int last_row = min(first_row + ROWS, query_count) - 1;
    const int visible = causal ? min(last_row + key_count - query_count + 1, key_count) : key_count;

    fill<T, WIDTH, ROWS, WIDTH>(query_tile, q + (query_start + first_row) * static_cast<long long>(q_row)
                                + head * static_cast<long long>(q_head), q_row, q_element, query_count - first_row,
                                width);
    float accumulator[WARP_ROWS][COLUMNS];
    float maximum[WARP_ROWS];
    float sum[WARP_ROWS];
#pragma unroll
    for (int r = 0; r < WARP_ROWS; ++r) {
        maximum[r] = minus_infinity();
        sum[r] = 0.0f;
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) {
            accumulator[r][c] = 0.0f;
        }
    }
    const float* const own_queries = query_tile + warp * WARP_ROWS * WIDTH;
    float* const own_probabilities = probabilities + warp * WARP_ROWS * KEYS;

    for (int first_key = 0; first_key < visible; first_key += KEYS) {
        const int left = key_count - first_key;
        __syncthreads();
        fill<T, WIDTH, KEYS, KEY_PITCH>(key_tile, k + (key_start + first_key) * static_cast<long long>(k_row)
                                        + key_head * static_cast<long long>(k_head), k_row, k_element, left, width);
        __syncthreads();
        float scores[WARP_ROWS];
#pragma unroll
        for (int r = 0; r < WARP_ROWS; ++r) {
            scores[r] = 0.0f;
        }
#pragma unroll 2
        for (int d = 0; d < WIDTH; d += 4) {
            const float4 key = read4(key_tile + lane * KEY_PITCH + d);
#pragma unroll
            for (int r = 0; r < WARP_ROWS; ++r) {
                const float4 query = read4(own_queries + r * WIDTH + d);
                scores[r] += query.x * key.x;
                scores[r] += query.y * key.y;
                scores[r] += query.z * key.z;
                scores[r] += query.w * key.w;
            }
        }
#pragma unroll
        for (int r = 0; r < WARP_ROWS; ++r) {
            const int end = causal ? min(warp_row + r + key_count - query_count + 1 - first_key, left) : left;
            const float score = lane < end ? scores[r] : minus_infinity();
            const float largest = fmaxf(maximum[r], warp_max(score));
            const float origin = largest == minus_infinity() ? 0.0f : largest;
            const float factor = exp2f((maximum[r] - origin) * scale);
            const float probability = exp2f((score - origin) * scale);
            maximum[r] = largest;
            sum[r] = sum[r] * factor + warp_sum(probability);
            own_probabilities[r * KEYS + lane] = probability;
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                accumulator[r][c] *= factor;
            }
        }
        __syncthreads();
        fill<T, WIDTH, KEYS, KEY_PITCH>(key_tile, v + (key_start + first_key) * static_cast<long long>(v_row)
                                        + key_head * static_cast<long long>(v_head), v_row, v_element, left, width);
        __syncthreads();
#pragma unroll 1
        for (int key = 0; key < KEYS; key += 4) {
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                float value[4];
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    value[e] = key_tile[(key + e) * KEY_PITCH + c * WARP + lane];
                }
#pragma unroll
                for (int r = 0; r < WARP_ROWS; ++r) {
                    const float4 probability = read4(own_probabilities + r * KEYS + key);
                    accumulator[r][c] += probability.x * value[0];
                    accumulator[r][c] += probability.y * value[1];
                    accumulator[r][c] += probability.z * value[2];
                    accumulator[r][c] += probability.w * value[3];
                }
            }
        }
    }
#pragma unroll
    for (int r = 0; r < WARP_ROWS; ++r) {
        if (warp_row + r < query_count) {
            const float factor = sum[r] > 0.0f ? 1.0f / sum[r] : 0.0f;
            T* const row = out + (query_start + warp_row + r) * static_cast<long long>(out_row)
                           + head * static_cast<long long>(width);
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                if (c * WARP + lane < width) {
                    row[c * WARP + lane] = from_float<T>(accumulator[r][c] * factor);
                }
            }
        }
    }
}

#define GENERAL_ENTRY(NAME, TYPE, WIDTH, ROWS)                                                                         \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) NAME(                                                     \
        const TYPE* __restrict__ q, const TYPE* __restrict__ k, const TYPE* __restrict__ v, TYPE* __restrict__ out,    \
        const int* __restrict__ query_offsets, const int* __restrict__ key_offsets, const int queries, const int keys, \
        const int group, const int width, const int q_row, const int q_head, const int q_element, const int k_row,     \
        const int k_head, const int k_element, const int v_row, const int v_head, const int v_element,                 \
        const int out_row, const float scale, const int causal) {                                                      \
        attention<TYPE, WIDTH, ROWS>(q, k, v, out, query_offsets, key_offsets, queries, keys, group, width, q_row,     \
                                     q_head, q_element, k_row, k_head, k_element, v_row, v_head, v_element, out_row,   \
                                     scale, causal);                                                                   \
    }

#define GENERAL_ENTRIES(SUFFIX, TYPE)                          \
    GENERAL_ENTRY(attention_general_64_##SUFFIX, TYPE, 64, 32)   \
    GENERAL_ENTRY(attention_general_128_##SUFFIX, TYPE, 128, 32) \
    GENERAL_ENTRY(attention_general_256_##SUFFIX, TYPE, 256, 32) \
    GENERAL_ENTRY(attention_general_384_##SUFFIX, TYPE, 384, 16)

GENERAL_ENTRIES(bf16, bf16)
GENERAL_ENTRIES(f16, f16)
GENERAL_ENTRIES(f32, float)
