// Ladder of latents.cu, step 1: a warp for each token, an element at a time; the predictions are read in both passes.
//   guidance_step   grid = ceil(tokens / 4), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) guidance_step_bf16(const float* latents, const bf16* conditional,
        const bf16* unconditional, float* out, const int tokens, const int width, const float scale, const float dt) {
    const int64_t token = static_cast<int64_t>(blockIdx.x) * 4 + threadIdx.x / WARP;
    if (token >= tokens) {
        return;
    }
    const int64_t row = token * width;
    float wanted = 0;
    float actual = 0;
    for (int i = threadIdx.x % WARP; i < width; i += WARP) {
        const float c = to_float(conditional[row + i]);
        const float u = to_float(unconditional[row + i]);
        const float guided = fmaf(scale, c - u, u);
        wanted = fmaf(c, c, wanted);
        actual = fmaf(guided, guided, actual);
    }
    wanted = warp_sum(wanted);
    actual = warp_sum(actual);
    const float factor = actual == 0 ? 0.0f : dt * (sqrtf(wanted) / sqrtf(actual));
    for (int i = threadIdx.x % WARP; i < width; i += WARP) {
        const float c = to_float(conditional[row + i]);
        const float u = to_float(unconditional[row + i]);
        out[row + i] = fmaf(factor, fmaf(scale, c - u, u), latents[row + i]);
    }
}

// One channel of one token a thread, which reads the channel's statistics itself.
//   unpack_latents   grid = ceil(tokens channels / 256), block = 256
extern "C" __global__ void __launch_bounds__(256) unpack_latents_bf16(const float* packed, const float* deviation,
        const float* mean, bf16* out, const int channels, const int height, const int width) {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (index >= static_cast<int64_t>(channels) * (height / 2) * (width / 2)) {
        return;
    }
    const int channel = static_cast<int>(index % channels);
    const int64_t token = index / channels;
    const int64_t y = token / (width / 2) * 2;
    const int64_t x = token % (width / 2) * 2;
    float values[4];
    load(packed + index * 4, values);
    for (int i = 0; i < 4; i++) {
        const int64_t pixel = (y + i / 2) * width + x + i % 2;
        out[pixel * channels + channel] = from_float<bf16>(fmaf(values[i], deviation[channel], mean[channel]));
    }
}
