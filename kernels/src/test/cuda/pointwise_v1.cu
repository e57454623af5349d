// Ladder of pointwise.cu, step 1: an element a thread.
//   gelu_tanh   grid = ceil(count / 256), block = 256
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(256) gelu_tanh_bf16(const bf16* x, bf16* out, const int64_t count) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (i < count) {
        const float value = to_float(x[i]);
        const float twice = 1.5957691216057308f * (value + 0.044715f * value * value * value);
        out[i] = from_float<bf16>(value / (1.0f + expf(-twice)));
    }
}
