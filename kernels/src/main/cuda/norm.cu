#include "types.cuh"

template <typename T> __device__ void rms_norm(const T* x, const T* weight, T* out, const int width, const float eps) {
    __shared__ float partial[WARP];
    const int64_t row = static_cast<int64_t>(blockIdx.x) * width;
    float sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float value = to_float(x[row + i]);
        sum += value * value;
    }
    const float scale = rsqrtf(block_sum(sum, partial) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        out[row + i] = from_float<T>(to_float(x[row + i]) * scale * to_float(weight[i]));
    }
}

#define ENTRY(suffix, T) \
    extern "C" __global__ void rms_norm_##suffix(const T* x, const T* weight, T* out, const int width, \
            const float eps) { \
        rms_norm<T>(x, weight, out, width, eps); \
    }
ENTRY(bf16, bf16)
ENTRY(f16, f16)
ENTRY(f32, float)
