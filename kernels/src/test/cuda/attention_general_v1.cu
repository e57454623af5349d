// Ladder of attention_general.cu, step 1: a warp for each query row, keys and values from global memory, lanes hold
// columns; every row reads all keys and values again.
//   attention_general   grid = (ceil(queries / 4), heads), block = 128; heads of at most 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) attention_general_f32(const float* q, const float* k, const float* v,
        float* out, const int queries, const int keys, const int heads, const int width, const float scale) {
    constexpr int COLUMNS = 4;
    const int row = blockIdx.x * 4 + threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    if (row >= queries) {
        return;
    }
    const int64_t stride = static_cast<int64_t>(heads) * width;
    const int64_t head = static_cast<int64_t>(blockIdx.y) * width;
    float query[COLUMNS];
    float accumulator[COLUMNS] = {};
    for (int c = 0; c < COLUMNS; c++) {
        query[c] = c * WARP + lane < width ? q[row * stride + head + c * WARP + lane] : 0.0f;
    }
    float maximum = __int_as_float(0xff800000);
    float sum = 0;
    for (int key = 0; key < keys; key++) {
        const int64_t at = key * stride + head + lane;
        float score = 0;
        for (int c = 0; c < COLUMNS; c++) {
            score = fmaf(query[c], c * WARP + lane < width ? k[at + c * WARP] : 0.0f, score);
        }
        score = warp_sum(score) * scale;
        const float largest = fmaxf(maximum, score);
        const float factor = exp2f(maximum - largest);
        const float weight = exp2f(score - largest);
        maximum = largest;
        sum = fmaf(sum, factor, weight);
        for (int c = 0; c < COLUMNS; c++) {
            accumulator[c] = fmaf(accumulator[c], factor, c * WARP + lane < width ? weight * v[at + c * WARP] : 0.0f);
        }
    }
    for (int c = 0; c < COLUMNS; c++) {
        if (c * WARP + lane < width) {
            out[row * stride + head + c * WARP + lane] = accumulator[c] / sum;
        }
    }
}
