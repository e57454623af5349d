// Ladder of attention_decode.cu, step 1: a warp for each query head goes through the whole cache by itself, so keys and
// values are read once for every head of a group, by one warp of a multiprocessor.
//   attention_decode   grid = query heads, block = 32; heads of 128, a lane holds four elements of each row
#include "ptx.cuh"

extern "C" __global__ void __launch_bounds__(WARP) attention_decode_bf16(const bf16* q, const bf16* k, const bf16* v,
        bf16* out, const int length, const int group, const int key_heads, const float scale) {
    constexpr int HEAD = 128;
    const int64_t stride = static_cast<int64_t>(key_heads) * HEAD;
    const int64_t column = blockIdx.x / group * HEAD + threadIdx.x * 4;
    float query[4];
    load(q + blockIdx.x * HEAD + threadIdx.x * 4, query);
    float maximum = __int_as_float(0xff800000);
    float sum = 0;
    float accumulator[4] = {};
    for (int key = 0; key < length; key++) {
        float values[4];
        load(k + key * stride + column, values);
        float score = 0;
        for (int i = 0; i < 4; i++) {
            score = fmaf(query[i], values[i], score);
        }
        score = warp_sum(score) * scale;
        const float largest = fmaxf(maximum, score);
        const float factor = exp2_approximate(maximum - largest);
        const float weight = exp2_approximate(score - largest);
        maximum = largest;
        sum = fmaf(sum, factor, weight);
        load(v + key * stride + column, values);
        for (int i = 0; i < 4; i++) {
            accumulator[i] = fmaf(accumulator[i], factor, weight * values[i]);
        }
    }
    for (int i = 0; i < 4; i++) {
        accumulator[i] /= sum;
    }
    store(out + blockIdx.x * HEAD + threadIdx.x * 4, accumulator);
}
