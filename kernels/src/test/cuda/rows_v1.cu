// Ladder of rows.cu, step 1: a byte a thread.
//   copy_rows   grid = (ceil(row_bytes / 128), rows), block = 128
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) copy_rows(const uint8_t* from, uint8_t* to, const int64_t row_bytes,
        const int64_t from_stride, const int64_t to_stride) {
    const int64_t offset = static_cast<int64_t>(blockIdx.x) * 128 + threadIdx.x;
    if (offset < row_bytes) {
        to[blockIdx.y * to_stride + offset] = from[blockIdx.y * from_stride + offset];
    }
}
