// The windows of a picture as the rows of a matrix, so that a convolution becomes a matrix product ("im2col"):
//
//   out[r * out_width + c, (i * kernel_width + j) * channels + k] =
//       x[(first_row + r) * stride + i - top, c * stride + j - left, k], zero outside of the picture
//
// x [height, width, channels], out [rows * out_width, kernel_height * kernel_width * channels]; one type, contiguous,
// any number of channels. Rows first_row to first_row + rows of the result's picture are written, so that a caller can
// go through a large picture in bands.
//
// Grid: any number of blocks of 256 threads, which stride over 16-byte pieces of channels if the number of channels and
// the addresses allow, else over elements. Neighbouring threads write neighbouring pieces.
#include "types.cuh"

template <typename T, int N>
__device__ void pieces(const T* x, T* out, const int height, const int width, const int channels,
        const int kernel_height, const int kernel_width, const int stride, const int top, const int left,
        const int out_width, const int first_row, const int64_t count) {
    const int per_pixel = channels / N;
    const int per_row = kernel_width * per_pixel;
    const int per_window = kernel_height * per_row;
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t piece = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; piece < count; piece += step) {
        const int64_t window = piece / per_window;
        const int inside = static_cast<int>(piece - window * per_window);
        const int i = inside / per_row;
        const int j = (inside - i * per_row) / per_pixel;
        const int k = (inside - i * per_row - j * per_pixel) * N;
        const int64_t row = window / out_width;
        const int column = static_cast<int>(window - row * out_width);
        const int64_t y = (first_row + row) * stride + i - top;
        const int64_t across = static_cast<int64_t>(column) * stride + j - left;
        Packed<T, N> values;
        if (y >= 0 && y < height && across >= 0 && across < width) {
            values.load(x + (y * width + across) * channels + k);
        } else {
            values.zero();
        }
        values.store(out + piece * N);
    }
}

template <typename T>
__device__ void unfold(const T* x, T* out, const int height, const int width, const int channels,
        const int kernel_height, const int kernel_width, const int stride, const int top, const int left,
        const int out_width, const int first_row, const int64_t windows) {
    const int64_t elements = windows * kernel_height * kernel_width * channels;
    if (channels % VECTOR<T> == 0 && is_aligned(x, 16) && is_aligned(out, 16)) {
        pieces<T, VECTOR<T>>(x, out, height, width, channels, kernel_height, kernel_width, stride, top, left, out_width,
                first_row, elements / VECTOR<T>);
    } else {
        pieces<T, 1>(x, out, height, width, channels, kernel_height, kernel_width, stride, top, left, out_width,
                first_row, elements);
    }
}

#define ENTRY(suffix, T) \
    extern "C" __global__ void __launch_bounds__(256) unfold_##suffix(const T* x, T* out, const int height, \
            const int width, const int channels, const int kernel_height, const int kernel_width, const int stride, \
            const int top, const int left, const int out_width, const int first_row, const int64_t windows) { \
        unfold<T>(x, out, height, width, channels, kernel_height, kernel_width, stride, top, left, out_width, \
                first_row, windows); \
    }
ENTRY(bf16, bf16)
ENTRY(f16, f16)
ENTRY(f32, float)
