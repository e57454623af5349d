// Ladder of norm.cu, step 1: a block for each row, three passes over memory, an element at a time.
//   ada_layer_norm   grid = rows, block = a multiple of 32 up to 1024 threads, shared memory 256 bytes
#include "types.cuh"

extern "C" __global__ void ada_layer_norm_bf16(const bf16* x, const bf16* shift, const bf16* scale, bf16* out,
        const int width, const float eps) {
    __shared__ float partial[2][WARP];
    const int64_t row = static_cast<int64_t>(blockIdx.x) * width;
    float sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        sum += to_float(x[row + i]);
    }
    const float mean = block_sum(sum, partial[0]) / width;
    float square = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float difference = to_float(x[row + i]) - mean;
        square += difference * difference;
    }
    const float factor = rsqrtf(block_sum(square, partial[1]) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float normal = (to_float(x[row + i]) - mean) * factor;
        out[row + i] = from_float<bf16>(normal * (1 + to_float(scale[i])) + to_float(shift[i]));
    }
}
