// Ladder of channelnorm.cu, step 1: a warp for each pixel, an element at a time, read twice.
//   channel_norm (with SiLU)   grid = ceil(pixels / 4), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) channel_norm_bf16(const bf16* x, const bf16* gamma, bf16* out,
        const int64_t pixels, const int channels) {
    const int64_t pixel = static_cast<int64_t>(blockIdx.x) * 4 + threadIdx.x / WARP;
    if (pixel >= pixels) {
        return;
    }
    float sum = 0;
    for (int c = threadIdx.x % WARP; c < channels; c += WARP) {
        const float value = to_float(x[pixel * channels + c]);
        sum += value * value;
    }
    const float scale = sqrtf(static_cast<float>(channels)) / fmaxf(sqrtf(warp_sum(sum)), 1e-12f);
    for (int c = threadIdx.x % WARP; c < channels; c += WARP) {
        const float value = to_float(x[pixel * channels + c]) * scale * to_float(gamma[c]);
        out[pixel * channels + c] = from_float<bf16>(value / (1 + expf(-value)));
    }
}
