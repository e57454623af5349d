// Ladder of rope.cu, step 1: a warp for each head, an element at a time, angles read again for every head.
//   qk_norm_rope   x, out [tokens, heads, D] without gaps, neighbours; grid = ceil(tokens heads / 4), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) qk_norm_rope_bf16(const bf16* x, const bf16* weight,
        const float* cosine, const float* sine, bf16* out, const int tokens, const int heads, const int width,
        const float eps) {
    const int64_t head = static_cast<int64_t>(blockIdx.x) * 4 + threadIdx.x / WARP;
    if (head >= static_cast<int64_t>(tokens) * heads) {
        return;
    }
    const int64_t angles = head / heads * (width / 2);
    float sum = 0;
    for (int i = threadIdx.x % WARP; i < width; i += WARP) {
        const float value = to_float(x[head * width + i]);
        sum += value * value;
    }
    const float scale = rsqrtf(warp_sum(sum) / width + eps);
    for (int pair = threadIdx.x % WARP; pair < width / 2; pair += WARP) {
        const float a = to_float(x[head * width + 2 * pair]) * scale * to_float(weight[2 * pair]);
        const float b = to_float(x[head * width + 2 * pair + 1]) * scale * to_float(weight[2 * pair + 1]);
        const float c = cosine[angles + pair];
        const float s = sine[angles + pair];
        out[head * width + 2 * pair] = from_float<bf16>(a * c - b * s);
        out[head * width + 2 * pair + 1] = from_float<bf16>(b * c + a * s);
    }
}
