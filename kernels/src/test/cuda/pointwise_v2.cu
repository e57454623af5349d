// Ladder of pointwise.cu, step 2: an access of 16 bytes a thread; exponential and quotient in full precision.
//   gelu_tanh   grid = count / 2048, block = 256, count a multiple of 2048
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(256) gelu_tanh_bf16(const bf16* x, bf16* out, const int64_t count) {
    constexpr int V = VECTOR<bf16>;
    const int64_t first = (static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x) * V;
    if (first >= count) {
        return;
    }
    float values[V];
    load(x + first, values);
#pragma unroll
    for (int j = 0; j < V; j++) {
        const float value = values[j];
        const float twice = 1.5957691216057308f * (value + 0.044715f * value * value * value);
        const float result = value / (1.0f + expf(-twice));
        values[j] = twice < -100.0f ? -0.0f : result;
    }
    store(out + first, values);
}
