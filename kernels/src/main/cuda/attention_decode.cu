// softmax(q k^T scale) v for one token over a cache of keys and values, on tensor cores: sm_80 and up.
//
// The keys are split among blocks, each block's among its warps, and what they found is combined (flash-decoding,
// https://pytorch.org/blog/flash-decoding). The query heads that read one key head are the 16 rows of a tile, so keys
// and values are read once for all of them. A warp walks over its keys in steps of 16 with its own ring of three
// stages of asynchronous copies: no barrier until its keys are done. Warps combine in shared memory, blocks through
// the workspace: the last to finish sums the parts up in their order, so results do not depend on timing.
//
// The number of splits is the grid's; the length comes from device memory if `device_length` is not null, so that a
// captured graph serves a growing cache, and a split is as long as that length asks for.
//
//   q [H, D], k and v [length, H / group, D], strides in elements, D contiguous; out [H, D] contiguous
//   T = BF16 or F16; D a multiple of 8, at most WIDTH; addresses and strides multiples of 16 bytes; scale > 0
//   workspace  [H / group, row tiles, splits, 16, WIDTH + 8] floats: unnormalised output, maximum, sum, and a rest that
//              makes rows of whole sectors
//   counters   [H / group, row tiles] ints, zero before and after
//   grid (splits, H / group, ceil(group / 16)); block 32 * warps
//
//   entry                   WIDTH  warps  shared
//   attention_decode_64_*      64      4   49152
//   attention_decode_128_*    128      4   98304
//   attention_decode_256_*    256      2   98304

#include "ptx.cuh"

constexpr int STAGES = 3;
constexpr int KEYS = 16;
constexpr int ROWS = 16;
/** A split is a multiple of this many keys a warp. */
constexpr int STEP = KEYS;

__device__ __forceinline__ float minus_infinity() {
    return __int_as_float(0xff800000);
}

template <int WIDTH_, int WARPS_>
struct Shape {
    static constexpr int WIDTH = WIDTH_;
    static constexpr int WARPS = WARPS_;
    static constexpr int CHUNKS = WIDTH / 8;
    static constexpr int PITCH = WIDTH * 2;
    static constexpr int TILE_BYTES = KEYS * PITCH;
    static constexpr int STAGE_BYTES = 2 * TILE_BYTES;
    static constexpr int WARP_BYTES = STAGES * STAGE_BYTES;
    static constexpr int COPIES = KEYS * CHUNKS / WARP;
    static constexpr int PART = WIDTH + 8;
    static_assert(WIDTH % 64 == 0, "rows are swizzled by 128 bytes");
    static_assert(ROWS * PART * 4 <= WARP_BYTES, "a warp leaves its part where its ring was");

    static __device__ __forceinline__ int offset(const int row, const int chunk) {
        return row * PITCH + ((chunk ^ (row & 7)) << 4);
    }
};

/** Starts the copies of 16 rows; chunks beyond the head become zero, rows past `last` too, or they repeat it. */
template <typename S, bool REPEATS>
__device__ __forceinline__ void copy_rows(const unsigned tile, const unsigned long long source,
                                          const unsigned row_bytes, const int first, const int last,
                                          const int width) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < S::COPIES; ++i) {
        const int index = i * WARP + lane;
        const int row = index / S::CHUNKS;
        const int chunk = index % S::CHUNKS;
        const bool inside = chunk * 8 < width && (REPEATS || first + row <= last);
        const unsigned from = min(first + row, last);
        copy_async_16(tile + S::offset(row, chunk), source + 1ull * from * row_bytes + (inside ? chunk * 16 : 0),
                      inside ? 16 : 0);
    }
}

/** What a warp has found: two rows a lane, lane / 4 and lane / 4 + 8. */
template <typename S>
struct Part {
    float maximum[2];
    float sum[2];
    float accumulator[S::WIDTH / 8][4];
};

/** Sixteen keys and values more. */
template <typename T, typename S>
__device__ __forceinline__ void step(Part<S>& part, const unsigned (&query)[S::WIDTH / 16][4], const unsigned keys,
                                     const unsigned values, const int left, const float scale) {
    const int lane = threadIdx.x % WARP;
    float scores[2][4] = {};
#pragma unroll
    for (int c = 0; c < S::WIDTH / 16; ++c) {
        unsigned key[4];
        load_matrices(key, keys + S::offset((lane & 7) + (lane >> 4 << 3), 2 * c + (lane >> 3 & 1)));
        multiply_add<T>(scores[0], query[c], key[0], key[1], scores[0]);
        multiply_add<T>(scores[1], query[c], key[2], key[3], scores[1]);
    }
    unsigned probability[4];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float largest = part.maximum[half];
#pragma unroll
        for (int n = 0; n < 2; ++n) {
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                float& score = scores[n][2 * half + e];
                if (8 * n + lane % 4 * 2 + e >= left) {
                    score = minus_infinity();
                }
                largest = fmaxf(largest, score);
            }
        }
        largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 2));
        // A step has at least one key, so the maximum is finite from here on.
        const float factor = exp2_approximate((part.maximum[half] - largest) * scale);
        part.maximum[half] = largest;
        part.sum[half] *= factor;
#pragma unroll
        for (int n = 0; n < S::WIDTH / 8; ++n) {
            part.accumulator[n][2 * half] *= factor;
            part.accumulator[n][2 * half + 1] *= factor;
        }
#pragma unroll
        for (int n = 0; n < 2; ++n) {
            const float first = exp2_approximate((scores[n][2 * half] - largest) * scale);
            const float second = exp2_approximate((scores[n][2 * half + 1] - largest) * scale);
            part.sum[half] += first + second;
            probability[2 * n + half] = pack2<T>(first, second);
        }
    }
#pragma unroll
    for (int c = 0; c < S::WIDTH / 16; ++c) {
        unsigned value[4];
        load_matrices_transposed(value, values + S::offset(lane & 15, 2 * c + (lane >> 4)));
        multiply_add<T>(part.accumulator[2 * c], probability, value[0], value[1], part.accumulator[2 * c]);
        multiply_add<T>(part.accumulator[2 * c + 1], probability, value[2], value[3], part.accumulator[2 * c + 1]);
    }
}

/** A warp's part goes to where its ring was: rows of WIDTH unnormalised outputs, maximum and sum. */
template <typename S>
__device__ __forceinline__ void leave(const Part<S>& part, float* const to) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float sum = part.sum[half];
        sum += __shfl_xor_sync(ALL_LANES, sum, 1);
        sum += __shfl_xor_sync(ALL_LANES, sum, 2);
        float* const row = to + (lane / 4 + 8 * half) * S::PART;
#pragma unroll
        for (int n = 0; n < S::WIDTH / 8; ++n) {
            row[8 * n + lane % 4 * 2] = part.accumulator[n][2 * half];
            row[8 * n + lane % 4 * 2 + 1] = part.accumulator[n][2 * half + 1];
        }
        if (lane % 4 == 0) {
            row[S::WIDTH] = part.maximum[half];
            row[S::WIDTH + 1] = sum;
        }
    }
}

/** Column `column` of a row summed over parts that lie `stride` apart; `maximum` and `sum` are the row's then. */
template <typename S, bool GLOBAL>
__device__ __forceinline__ float combine(const float* const row, const int column, const int parts, const int stride,
                                         const float scale, float& maximum, float& sum) {
    maximum = minus_infinity();
    for (int p = 0; p < parts; ++p) {
        const float* const part = row + p * stride + S::WIDTH;
        maximum = fmaxf(maximum, GLOBAL ? load_from_l2(part) : *part);
    }
    const float origin = maximum == minus_infinity() ? 0.0f : maximum;
    float total = 0.0f;
    sum = 0.0f;
    for (int p = 0; p < parts; ++p) {
        const float* const part = row + p * stride;
        const float factor =
            exp2_approximate(((GLOBAL ? load_from_l2(part + S::WIDTH) : part[S::WIDTH]) - origin) * scale);
        sum += factor * (GLOBAL ? load_from_l2(part + S::WIDTH + 1) : part[S::WIDTH + 1]);
        total += factor * (GLOBAL ? load_from_l2(part + column) : part[column]);
    }
    return total;
}

template <typename T, typename S>
__device__ __forceinline__ void decode(const T* const q, const T* const k, const T* const v, T* const out,
                                       const int* const device_length, const int host_length, const int group,
                                       const int width, const int q_head, const int k_row, const int k_head,
                                       const int v_row, const int v_head, const float scale, float* const workspace,
                                       int* const counters) {
    extern __shared__ __align__(128) unsigned char shared_memory[];
    const int warp = threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    const int splits = gridDim.x;
    const int length = device_length == nullptr ? host_length : *device_length;
    const int first_head = blockIdx.y * group + blockIdx.z * ROWS;
    const int rows = min(ROWS, group - static_cast<int>(blockIdx.z) * ROWS);
    const int block_step = S::WARPS * STEP;
    const int chunk = (length + splits * block_step - 1) / (splits * block_step) * block_step;
    const int begin = min(static_cast<int>(blockIdx.x) * chunk, length);
    const int end = min(begin + chunk, length);

    Part<S> part;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        part.maximum[half] = minus_infinity();
        part.sum[half] = 0.0f;
    }
#pragma unroll
    for (int n = 0; n < S::WIDTH / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            part.accumulator[n][e] = 0.0f;
        }
    }
    // Warp w has the keys begin + 16 w, begin + 16 (w + WARPS), ...
    int key = begin + warp * KEYS;
    if (key < end) {
        const unsigned ring = shared_address(shared_memory) + warp * S::WARP_BYTES;
        const unsigned long long keys = global_address(k) + blockIdx.y * (2ll * k_head);
        const unsigned long long values = global_address(v) + blockIdx.y * (2ll * v_head);
        const unsigned last_stage = ring + (STAGES - 1) * S::STAGE_BYTES;
        copy_rows<S, false>(last_stage, global_address(q) + first_head * (2ll * q_head), 2u * q_head, 0, rows - 1,
                            width);
        copy_async_commit();
#pragma unroll
        for (int stage = 0; stage < STAGES - 1; ++stage) {
            const int first = key + stage * block_step;
            if (first < end) {
                const unsigned tile = ring + stage * S::STAGE_BYTES;
                copy_rows<S, true>(tile, keys, 2u * k_row, first, length - 1, width);
                copy_rows<S, true>(tile + S::TILE_BYTES, values, 2u * v_row, first, length - 1, width);
            }
            copy_async_commit();
        }
        copy_async_wait<STAGES - 1>();
        __syncwarp();
        unsigned query[S::WIDTH / 16][4];
#pragma unroll
        for (int c = 0; c < S::WIDTH / 16; ++c) {
            load_matrices(query[c], last_stage + S::offset(lane & 15, 2 * c + (lane >> 4)));
        }
        unsigned stage = ring;
        unsigned free_stage = last_stage;
        for (; key < end; key += block_step) {
            copy_async_wait<STAGES - 2>();
            __syncwarp();
            const int next = key + (STAGES - 1) * block_step;
            if (next < end) {
                copy_rows<S, true>(free_stage, keys, 2u * k_row, next, length - 1, width);
                copy_rows<S, true>(free_stage + S::TILE_BYTES, values, 2u * v_row, next, length - 1, width);
            }
            copy_async_commit();
            step<T, S>(part, query, stage, stage + S::TILE_BYTES, end - key, scale);
            free_stage = stage;
            stage = stage == last_stage ? ring : stage + S::STAGE_BYTES;
        }
        __syncwarp();
    }

    float* const own = reinterpret_cast<float*>(shared_memory + warp * S::WARP_BYTES);
    leave<S>(part, own);
    __syncthreads();
    const float* const parts = reinterpret_cast<const float*>(shared_memory);
    const int tile = blockIdx.y * gridDim.z + blockIdx.z;
    const long long tile_floats = static_cast<long long>(ROWS) * S::PART;
    float* const block_part = workspace + (static_cast<long long>(tile) * splits + blockIdx.x) * tile_floats;
    for (int index = threadIdx.x; index < rows * S::WIDTH; index += S::WARPS * WARP) {
        const int row = index / S::WIDTH;
        const int column = index % S::WIDTH;
        float maximum;
        float sum;
        const float total = combine<S, false>(parts + row * S::PART, column, S::WARPS, S::WARP_BYTES / 4, scale,
                                              maximum, sum);
        if (splits == 1) {
            if (column < width) {
                out[(first_head + row) * width + column] = from_float<T>(sum > 0.0f ? total / sum : 0.0f);
            }
        } else {
            block_part[row * S::PART + column] = total;
            if (column < 2) {
                block_part[row * S::PART + S::WIDTH + column] = column == 0 ? maximum : sum;
            }
        }
    }
    if (splits == 1) {
        return;
    }
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(counters + tile, 1) == splits - 1;
    }
    __syncthreads();
    if (!last) {
        return;
    }
    __threadfence();
    const int used = chunk == 0 ? 0 : (length + chunk - 1) / chunk;
    const float* const tile_parts = workspace + static_cast<long long>(tile) * splits * tile_floats;
    for (int index = threadIdx.x; index < rows * S::WIDTH; index += S::WARPS * WARP) {
        const int row = index / S::WIDTH;
        const int column = index % S::WIDTH;
        float maximum;
        float sum;
        const float total = combine<S, true>(tile_parts + row * S::PART, column, used, ROWS * S::PART, scale, maximum,
                                             sum);
        if (column < width) {
            out[(first_head + row) * width + column] = from_float<T>(sum > 0.0f ? total / sum : 0.0f);
        }
    }
    if (threadIdx.x == 0) {
        counters[tile] = 0;
    }
}

#define DECODE_ENTRY(NAME, TYPE, WIDTH, WARPS)                                                                         \
    extern "C" __global__ void __launch_bounds__(WARPS * WARP, 1) NAME(                                                \
        const TYPE* __restrict__ q, const TYPE* __restrict__ k, const TYPE* __restrict__ v, TYPE* __restrict__ out,    \
        const int* __restrict__ device_length, const int length, const int group, const int width, const int q_head,   \
        const int k_row, const int k_head, const int v_row, const int v_head, const float scale, float* workspace,     \
        int* counters) {                                                                                               \
        decode<TYPE, Shape<WIDTH, WARPS>>(q, k, v, out, device_length, length, group, width, q_head, k_row, k_head,    \
                                          v_row, v_head, scale, workspace, counters);                                  \
    }

#define DECODE_ENTRIES(SUFFIX, TYPE)                       \
    DECODE_ENTRY(attention_decode_64_##SUFFIX, TYPE, 64, 4)   \
    DECODE_ENTRY(attention_decode_128_##SUFFIX, TYPE, 128, 4) \
    DECODE_ENTRY(attention_decode_256_##SUFFIX, TYPE, 256, 2)

DECODE_ENTRIES(bf16, bf16)
DECODE_ENTRIES(f16, f16)
