// Ladder of norm.cu, step 2: a block for each row, which is read once by accesses of 16 bytes and stays in registers;
// modulation is read again for every row.
//   ada_layer_norm   grid = rows, block = ceil(width / 32) rounded up to 32, width a multiple of 8
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(256) ada_layer_norm_bf16(const bf16* x, const bf16* shift,
        const bf16* scale, bf16* out, const int width, const float eps) {
    constexpr int V = VECTOR<bf16>;
    constexpr int CHUNKS = 4;
    __shared__ float partial[2][WARP];
    const int64_t row = static_cast<int64_t>(blockIdx.x) * width;
    const int count = width / V;
    Packed<bf16, V> kept[CHUNKS];
    float sum = 0;
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        const int chunk = threadIdx.x + j * blockDim.x;
        kept[j].zero();
        if (chunk < count) {
            kept[j].load(x + row + chunk * V);
        }
        float values[V];
        kept[j].widen(values);
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
            for (int i = 0; i < V; i++) {
                square += (values[i] - mean) * (values[i] - mean);
            }
        }
    }
    const float factor = rsqrtf(block_sum(square, partial[1]) / width + eps);
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        const int chunk = threadIdx.x + j * blockDim.x;
        if (chunk < count) {
            float values[V];
            float multiplier[V];
            float addend[V];
            kept[j].widen(values);
            load(scale + chunk * V, multiplier);
            load(shift + chunk * V, addend);
            for (int i = 0; i < V; i++) {
                values[i] = (values[i] - mean) * factor * (1 + multiplier[i]) + addend[i];
            }
            store(out + row + chunk * V, values);
        }
    }
}
