// softmax(q k^T scale) v, first step of the ladder: a warp computes one row of one head and reads every key and value
// from global memory, lane i the columns i, i + 32, ... The online softmax rescales at each key. F32 throughout.
//
//   q [queries, H, D], k and v [keys, H / group, D], out [queries, H D], all contiguous; D at most 128
//   grid (ceil(queries / 4), H); block 128

#include "types.cuh"

constexpr int WARPS = 4;
constexpr int COLUMNS = 4;

template <typename T>
__device__ __forceinline__ void attention(const T* const q, const T* const k, const T* const v, T* const out,
                                          const int queries, const int keys, const int group, const int width,
                                          const float scale, const int causal) {
    const int row = blockIdx.x * WARPS + threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    if (row >= queries) {
        return;
    }
    const int heads = gridDim.y;
    const int key_heads = heads / group;
    const long long query_row = (static_cast<long long>(row) * heads + blockIdx.y) * width;
    const int seen = causal ? min(keys, keys - queries + row + 1) : keys;
    float query[COLUMNS];
    float accumulator[COLUMNS] = {};
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
        query[c] = c * WARP + lane < width ? to_float(q[query_row + c * WARP + lane]) * scale : 0.0f;
    }
    float maximum = __int_as_float(0xff800000);
    float sum = 0.0f;
    for (int key = 0; key < seen; ++key) {
        const long long key_row = (static_cast<long long>(key) * key_heads + blockIdx.y / group) * width;
        float score = 0.0f;
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) {
            score += c * WARP + lane < width ? query[c] * to_float(k[key_row + c * WARP + lane]) : 0.0f;
        }
        score = warp_sum(score);
        const float largest = fmaxf(maximum, score);
        const float factor = exp2f(maximum - largest);
        const float probability = exp2f(score - largest);
        maximum = largest;
        sum = sum * factor + probability;
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) {
            const float value = c * WARP + lane < width ? to_float(v[key_row + c * WARP + lane]) : 0.0f;
            accumulator[c] = accumulator[c] * factor + probability * value;
        }
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
        if (c * WARP + lane < width) {
            out[query_row + c * WARP + lane] = from_float<T>(sum > 0.0f ? accumulator[c] / sum : 0.0f);
        }
    }
}

extern "C" __global__ void attention_v1_bf16(const bf16* __restrict__ q, const bf16* __restrict__ k,
                                             const bf16* __restrict__ v, bf16* __restrict__ out, const int queries,
                                             const int keys, const int group, const int width, const float scale,
                                             const int causal) {
    attention(q, k, v, out, queries, keys, group, width, scale, causal);
}
