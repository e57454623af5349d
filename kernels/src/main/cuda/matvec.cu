// Products of a weight matrix with few rows: the linear layers of decoding token by token. Bound by the bytes of the
// weight, which are read once.
//
//   matrix_vectorM   out[m, n] = activation(sum_k x[m, k] weight[n, k] + bias[n]) + residual[m, n]
//
// Shapes: x [rows, in] with rows x_stride elements apart, at most as many as the name says (1, 4, 8);
// weight [out_width, in] without gaps; bias [out_width] or null; residual, out [rows, out_width] without gaps,
// residual may be null. activation: activation.cuh.
// Types: the entry's type; products and sums in float (each thread sums its share in order of k, then threads).
// Alignment: of elements. Rows of a multiple of 16 bytes, aligned, are read by accesses of 16 bytes; others element by
// element.
// Launch: block = 128 threads, which share the columns of OUTPUTS rows of the weight; grid = ceil(out_width / OUTPUTS).
// Shared memory: static, 512 bytes. out may be residual.
#include "activation.cuh"

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP;
constexpr int OUTPUTS = 4;
constexpr int MAX_ROWS = 8;

// The thread's share of the sums: accesses of V elements, a block's width apart.
template <typename T, int V, int ROWS>
__device__ __forceinline__ void accumulate(const T* x, const T* weight, const int rows, const int in,
        const int64_t x_stride, const int outputs, float (&sums)[ROWS][OUTPUTS]) {
#pragma unroll 1
    for (int k = threadIdx.x * V; k < in; k += THREADS * V) {
        Packed<T, V> packed[OUTPUTS];
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            // Rows beyond the matrix repeat its last one; their sums are not stored.
            packed[n].load(weight + static_cast<int64_t>(min(n, outputs - 1)) * in + k);
        }
        float values[ROWS][V];
#pragma unroll
        for (int m = 0; m < ROWS; m++) {
            load(x + min(m, rows - 1) * x_stride + k, values[m]);
        }
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            float factors[V];
            packed[n].widen(factors);
#pragma unroll
            for (int m = 0; m < ROWS; m++) {
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sums[m][n] = fmaf(factors[i], values[m][i], sums[m][n]);
                }
            }
        }
    }
}

template <typename T, int ROWS>
__device__ __forceinline__ void matrix_vector(const T* x, const T* weight, const T* bias, const T* residual, T* out,
        const int rows, const int in, const int out_width, const int64_t x_stride, const int activation,
        float (*partial)[MAX_ROWS][OUTPUTS]) {
    constexpr int V = VECTOR<T>;
    const int first = blockIdx.x * OUTPUTS;
    const int outputs = min(OUTPUTS, out_width - first);
    const T* const own = weight + static_cast<int64_t>(first) * in;
    float sums[ROWS][OUTPUTS] = {};
    if (in % V == 0 && x_stride % V == 0 && is_aligned(x, 16) && is_aligned(weight, 16)) {
        accumulate<T, V, ROWS>(x, own, rows, in, x_stride, outputs, sums);
    } else {
        accumulate<T, 1, ROWS>(x, own, rows, in, x_stride, outputs, sums);
    }
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            const float sum = warp_sum(sums[m][n]);
            if (threadIdx.x % WARP == 0) {
                partial[threadIdx.x / WARP][m][n] = sum;
            }
        }
    }
    __syncthreads();
    const int m = threadIdx.x / OUTPUTS;
    const int n = threadIdx.x % OUTPUTS;
    if (m < rows && n < outputs) {
        float sum = 0;
#pragma unroll
        for (int warp = 0; warp < WARPS; warp++) {
            sum += partial[warp][m][n];
        }
        if (bias != nullptr) {
            sum += to_float(bias[first + n]);
        }
        sum = activate<T>(sum, activation);
        const int64_t at = static_cast<int64_t>(m) * out_width + first + n;
        if (residual != nullptr) {
            sum += to_float(residual[at]);
        }
        out[at] = from_float<T>(sum);
    }
}

#define ENTRY(suffix, T, ROWS) \
    extern "C" __global__ void __launch_bounds__(THREADS) matrix_vector##ROWS##_##suffix(const T* x, \
            const T* weight, const T* bias, const T* residual, T* out, const int rows, const int in, \
            const int out_width, const int64_t x_stride, const int activation) { \
        __shared__ float partial[WARPS][MAX_ROWS][OUTPUTS]; \
        matrix_vector<T, ROWS>(x, weight, bias, residual, out, rows, in, out_width, x_stride, activation, \
                partial); \
    }

#define ENTRIES(suffix, T) \
    ENTRY(suffix, T, 1) \
    ENTRY(suffix, T, 4) \
    ENTRY(suffix, T, 8)

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
