// Ladder of matvec.cu, step 2: a warp for each row of the weight, by accesses of 16 bytes; x is read by every warp.
//   matrix_vector1   in a multiple of 8; grid = ceil(out_width / 4), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) matrix_vector1_bf16(const bf16* x, const bf16* weight, bf16* out,
        const int in, const int out_width) {
    constexpr int V = VECTOR<bf16>;
    const int row = blockIdx.x * 4 + threadIdx.x / WARP;
    if (row >= out_width) {
        return;
    }
    float sum = 0;
    for (int k = threadIdx.x % WARP * V; k < in; k += WARP * V) {
        float values[V];
        float factors[V];
        load(weight + static_cast<int64_t>(row) * in + k, factors);
        load(x + k, values);
        for (int i = 0; i < V; i++) {
            sum = fmaf(values[i], factors[i], sum);
        }
    }
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) {
        out[row] = from_float<bf16>(sum);
    }
}
