// What follows a matrix product where the product cannot do it itself:
//
//   out[i, j] = activation(x[i, j] + bias[j]) + residual[i, j]
//
// x, residual, out [rows, width], bias [width] or null, residual [rows, width] or null; all of one type, rows
// contiguous, any width; activations by the numbers in activation.cuh. Arithmetic in float. out may be x or residual:
// every element is read before it is written, by the thread that writes it.
//
// Grid: any number of blocks of 256 threads; threads stride over 16-byte pieces if width and addresses allow, else over
// elements.
#include "activation.cuh"

template <typename T, int N>
__device__ void finish(const T* x, const T* bias, const T* residual, T* out, const int64_t count, const int width,
        const int activation) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
    for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < count; i += stride) {
        float values[N];
        load<N>(x + i, values);
        if (bias != nullptr) {
            float biases[N];
            load<N>(bias + i % width, biases);
#pragma unroll
            for (int j = 0; j < N; j++) {
                values[j] += biases[j];
            }
        }
#pragma unroll
        for (int j = 0; j < N; j++) {
            values[j] = activate<T>(values[j], activation);
        }
        if (residual != nullptr) {
            float rests[N];
            load<N>(residual + i, rests);
#pragma unroll
            for (int j = 0; j < N; j++) {
                values[j] += rests[j];
            }
        }
        store<N>(out + i, values);
    }
}

template <typename T>
__device__ void epilogue(const T* x, const T* bias, const T* residual, T* out, const int64_t count, const int width,
        const int activation) {
    if (width % VECTOR<T> == 0 && is_aligned(x, 16) && is_aligned(bias, 16) && is_aligned(residual, 16)
            && is_aligned(out, 16)) {
        finish<T, VECTOR<T>>(x, bias, residual, out, count, width, activation);
    } else {
        finish<T, 1>(x, bias, residual, out, count, width, activation);
    }
}

#define ENTRY(suffix, T) \
    extern "C" __global__ void __launch_bounds__(256) epilogue_##suffix(const T* x, const T* bias, \
            const T* residual, T* out, const int64_t count, const int width, const int activation) { \
        epilogue<T>(x, bias, residual, out, count, width, activation); \
    }
ENTRY(bf16, bf16)
ENTRY(f16, f16)
ENTRY(f32, float)
