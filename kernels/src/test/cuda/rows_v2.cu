// Ladder of rows.cu, step 2: four bytes a thread.
//   copy_rows   grid = (ceil(row_bytes / 512), rows), block = 128; everything a multiple of 4 bytes
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(128) copy_rows(const uint8_t* from, uint8_t* to, const int64_t row_bytes,
        const int64_t from_stride, const int64_t to_stride) {
    const int64_t offset = (static_cast<int64_t>(blockIdx.x) * 128 + threadIdx.x) * 4;
    if (offset < row_bytes) {
        *reinterpret_cast<uint32_t*>(to + blockIdx.y * to_stride + offset) =
                *reinterpret_cast<const uint32_t*>(from + blockIdx.y * from_stride + offset);
    }
}
