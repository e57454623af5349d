// Ladder of norm.cu, step 3: up to 12 rows a block, one after the other; the row and the modulation stay in registers.
//   ada_layer_norm   grid = ceil(rows / rows_per_block), block = ceil(width / 32) rounded up to 32, width a multiple
//                    of 8
#include "types.cuh"

constexpr int THREADS = 256;
constexpr int CHUNKS = 4;
constexpr int V = VECTOR<bf16>;

__device__ __forceinline__ void load_row(Packed<bf16, V> (&kept)[CHUNKS], const bf16* row, const int count) {
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        const int chunk = threadIdx.x + j * blockDim.x;
        if (chunk < count) {
            kept[j].load(row + chunk * V);
        } else {
            kept[j].zero();
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) ada_layer_norm_bf16(const bf16* x, const bf16* shift,
        const bf16* scale, bf16* out, const int rows, const int width, const int rows_per_block, const float eps) {
    __shared__ float partial[2][THREADS / WARP];
    const int count = width / V;
    const int first_row = blockIdx.x * rows_per_block;
    const int end_row = min(rows, first_row + rows_per_block);
    Packed<bf16, V> multiplier[CHUNKS];
    Packed<bf16, V> addend[CHUNKS];
    load_row(multiplier, scale, count);
    load_row(addend, shift, count);
#pragma unroll 1
    for (int64_t row = first_row; row < end_row; row++) {
        Packed<bf16, V> kept[CHUNKS];
        load_row(kept, x + row * width, count);
        float sum = 0;
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            float values[V];
            kept[j].widen(values);
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum += values[i];
            }
        }
        const float mean = block_sum(sum, partial[0]) / width;
        float square = 0;
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            if (threadIdx.x + j * blockDim.x < count) {
                float values[V];
                kept[j].widen(values);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    square = fmaf(values[i] - mean, values[i] - mean, square);
                }
            }
        }
        const float factor = rsqrtf(block_sum(square, partial[1]) / width + eps);
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            const int chunk = threadIdx.x + j * blockDim.x;
            if (chunk < count) {
                float values[V];
                float multipliers[V];
                float addends[V];
                kept[j].widen(values);
                multiplier[j].widen(multipliers);
                addend[j].widen(addends);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    values[i] = fmaf((values[i] - mean) * factor, 1.0f + multipliers[i], addends[i]);
                }
                store(out + row * width + chunk * V, values);
            }
        }
    }
}
