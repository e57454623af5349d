// Ladder of matvec.cu, step 1: a warp for each row of the weight, an element at a time.
//   matrix_vector1   grid = ceil(out_width / 4), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) matrix_vector1_bf16(const bf16* x, const bf16* weight, bf16* out,
        const int in, const int out_width) {
    const int row = blockIdx.x * 4 + threadIdx.x / WARP;
    if (row >= out_width) {
        return;
    }
    float sum = 0;
    for (int k = threadIdx.x % WARP; k < in; k += WARP) {
        sum = fmaf(to_float(x[k]), to_float(weight[static_cast<int64_t>(row) * in + k]), sum);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) {
        out[row] = from_float<bf16>(sum);
    }
}
