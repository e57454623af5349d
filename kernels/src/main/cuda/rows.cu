// Bytes moved by rows; nothing is computed, so one kernel serves all types.
//
//   copy_rows      to[l, :] = from[l, :]               parts of a concatenation, a cache that grows, heads out of a
//                                                      fused projection
//   gather_rows    out[l, :] = table[ids[l], :]        embedding
//   upsample_nearest   out[2y + a, 2x + b, :] = x[y, x, :], a and b in {0, 1}
//
// Shapes in bytes: rows of row_bytes, from_stride and to_stride bytes apart; ids [rows], int32; pictures
// [height, width, pixel_bytes] without gaps.
// An id outside [0, table_rows) traps: the launch fails.
// Alignment: any; accesses have the largest of 16, 8, 4, 2, 1 bytes that divides addresses, strides and row_bytes.
// Launch: block = 128 threads. copy_rows and gather_rows: grid = (ceil(row_bytes / (128 * 16)), rows), y at most
// 8192 and then strided. upsample_nearest: grid = (ceil(width pixel_bytes / (128 * 16)), height), likewise.
// from and to must not overlap.
#include "types.cuh"

constexpr int THREADS = 128;
constexpr int WIDEST = 16;

__device__ __forceinline__ int access_bytes(const uint64_t addresses_and_strides) {
    const uint64_t lowest = addresses_and_strides & (0 - addresses_and_strides);
    return lowest == 0 || lowest > WIDEST ? WIDEST : static_cast<int>(lowest);
}

__device__ __forceinline__ uint64_t bits(const void* address) {
    return reinterpret_cast<uint64_t>(address);
}

// Calls f(offset in bytes, a value to say the type of the access) for the thread's part of a row.
template <typename Body>
__device__ __forceinline__ void for_parts(const int64_t row_bytes, const int access, const Body& body) {
    const int64_t base = static_cast<int64_t>(blockIdx.x) * THREADS * WIDEST;
    if (access == WIDEST) {
        const int64_t offset = base + threadIdx.x * WIDEST;
        if (offset < row_bytes) {
            body(offset, uint4());
        }
        return;
    }
#pragma unroll 1
    for (int64_t offset = base + threadIdx.x * access; offset < min(base + THREADS * WIDEST, row_bytes);
            offset += THREADS * access) {
        switch (access) {
            case 8:
                body(offset, uint2());
                break;
            case 4:
                body(offset, uint32_t());
                break;
            case 2:
                body(offset, uint16_t());
                break;
            default:
                body(offset, uint8_t());
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) copy_rows(const uint8_t* from, uint8_t* to, const int rows,
        const int64_t row_bytes, const int64_t from_stride, const int64_t to_stride) {
    const int access = access_bytes(bits(from) | bits(to) | from_stride | to_stride | row_bytes);
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        for_parts(row_bytes, access, [&](const int64_t offset, auto type) {
            using A = decltype(type);
            *reinterpret_cast<A*>(to + row * to_stride + offset) =
                    *reinterpret_cast<const A*>(from + row * from_stride + offset);
        });
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) gather_rows(const uint8_t* table, const int* ids, uint8_t* out,
        const int rows, const int table_rows, const int64_t row_bytes, const int64_t table_stride,
        const int64_t out_stride) {
    const int access = access_bytes(bits(table) | bits(out) | table_stride | out_stride | row_bytes);
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const int id = ids[row];
        if (id < 0 || id >= table_rows) {
            asm volatile("trap;");
        }
        for_parts(row_bytes, access, [&](const int64_t offset, auto type) {
            using A = decltype(type);
            *reinterpret_cast<A*>(out + row * out_stride + offset) =
                    *reinterpret_cast<const A*>(table + id * table_stride + offset);
        });
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) upsample_nearest(const uint8_t* x, uint8_t* out,
        const int height, const int width, const int pixel_bytes) {
    const int access = access_bytes(bits(x) | bits(out) | pixel_bytes);
    const int64_t row_bytes = static_cast<int64_t>(width) * pixel_bytes;
    for (int64_t row = blockIdx.y; row < height; row += gridDim.y) {
        for_parts(row_bytes, access, [&](const int64_t offset, auto type) {
            using A = decltype(type);
            const A value = *reinterpret_cast<const A*>(x + row * row_bytes + offset);
            // Pixel p of the row becomes pixels 2p and 2p + 1.
            const uint32_t pixel = static_cast<uint32_t>(offset) / pixel_bytes;
            const int64_t target = row * 4 * row_bytes + offset + pixel * pixel_bytes;
            *reinterpret_cast<A*>(out + target) = value;
            *reinterpret_cast<A*>(out + target + pixel_bytes) = value;
            *reinterpret_cast<A*>(out + target + 2 * row_bytes) = value;
            *reinterpret_cast<A*>(out + target + 2 * row_bytes + pixel_bytes) = value;
        });
    }
}
