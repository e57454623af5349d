// The autoencoder's norm over channels, with the non-linearity that follows it.
//
//   channel_norm   out[p, :] = activation(x[p, :] / max(|x[p, :]|, 1e-12) * sqrt(channels) * gamma)
//                                                                              QwenImageRMS_norm of diffusers
//
// Shapes: x, out [pixels, channels], one after the other; gamma [channels]. activation: see activation.cuh.
// Types: the entry's type, computed in float. Alignment: of elements. Pixels of a multiple of 16 bytes, aligned, that
// fit into the registers of their lanes (CHUNKS accesses of 16 bytes each), without activation or with SiLU, are read
// once; others element by element.
// Launch: block = 128 threads; `lanes` (a power of two up to 32) take a pixel together; a block takes
// pixels_per_group * 128 / lanes pixels, grid = ceil(pixels / that). Best is the fewest lanes that keep a pixel in
// registers: 4, 8 and 16 for 96, 192 and 384 channels of two bytes, with no lane idle. gamma is read once a block.
// out may be x.
#include "activation.cuh"

constexpr int THREADS = 128;
// Accesses of a pixel that a lane keeps in registers: the autoencoder's widths are 3 * 2^k accesses.
constexpr int CHUNKS = 3;

__device__ __forceinline__ float group_sum(float value, const int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

__device__ __forceinline__ float factor(const float sum, const int channels) {
    return sqrtf(static_cast<float>(channels)) / fmaxf(sqrtf(sum), 1e-12f);
}

template <typename T>
__device__ __forceinline__ void in_registers(const T* x, const T* gamma, T* out, const int64_t pixels,
        const int channels, const int lanes, const int pixels_per_group, const int activation) {
    constexpr int V = VECTOR<T>;
    const int groups = THREADS / lanes;
    const int member = threadIdx.x % lanes;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * pixels_per_group * groups + threadIdx.x / lanes;
    Packed<T, V> weight[CHUNKS];
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        const int at = (member + j * lanes) * V;
        if (at < channels) {
            weight[j].load(gamma + at);
        } else {
            weight[j].zero();
        }
    }
#pragma unroll 1
    for (int i = 0; i < pixels_per_group; i++) {
        const int64_t pixel = first + static_cast<int64_t>(i) * groups;
        const bool works = pixel < pixels;
        Packed<T, V> values[CHUNKS];
        float sum = 0;
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            const int at = (member + j * lanes) * V;
            if (works && at < channels) {
                values[j].load(x + pixel * channels + at);
            } else {
                values[j].zero();
            }
        }
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            float wide[V];
            values[j].widen(wide);
#pragma unroll
            for (int k = 0; k < V; k++) {
                sum = fmaf(wide[k], wide[k], sum);
            }
        }
        const float scale = factor(group_sum(sum, lanes), channels);
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            const int at = (member + j * lanes) * V;
            if (works && at < channels) {
                float wide[V];
                float multiplier[V];
                values[j].widen(wide);
                weight[j].widen(multiplier);
#pragma unroll
                for (int k = 0; k < V; k++) {
                    wide[k] = wide[k] * scale * multiplier[k];
                }
                if (activation == SILU) {
#pragma unroll
                    for (int k = 0; k < V; k++) {
                        wide[k] = silu<T>(wide[k]);
                    }
                }
                store(out + pixel * channels + at, wide);
            }
        }
    }
}

template <typename T>
__device__ __forceinline__ void element_by_element(const T* x, const T* gamma, T* out, const int64_t pixels,
        const int channels, const int lanes, const int pixels_per_group, const int activation) {
    const int groups = THREADS / lanes;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * pixels_per_group * groups + threadIdx.x / lanes;
#pragma unroll 1
    for (int i = 0; i < pixels_per_group; i++) {
        const int64_t pixel = first + static_cast<int64_t>(i) * groups;
        const int end = pixel < pixels ? channels : 0;
        float sum = 0;
#pragma unroll 1
        for (int c = threadIdx.x % lanes; c < end; c += lanes) {
            const float value = to_float(x[pixel * channels + c]);
            sum = fmaf(value, value, sum);
        }
        const float scale = factor(group_sum(sum, lanes), channels);
#pragma unroll 1
        for (int c = threadIdx.x % lanes; c < end; c += lanes) {
            const float value = to_float(x[pixel * channels + c]) * scale * to_float(gamma[c]);
            out[pixel * channels + c] = from_float<T>(activate<T>(value, activation));
        }
    }
}

template <typename T>
__device__ __forceinline__ void channel_norm(const T* x, const T* gamma, T* out, const int64_t pixels,
        const int channels, const int lanes, const int pixels_per_group, const int activation) {
    constexpr int V = VECTOR<T>;
    const bool aligned = channels % V == 0 && is_aligned(x, 16) && is_aligned(gamma, 16) && is_aligned(out, 16);
    const bool usual = activation == NONE || activation == SILU;
    if (usual && aligned && channels <= CHUNKS * V * lanes) {
        in_registers<T>(x, gamma, out, pixels, channels, lanes, pixels_per_group, activation);
    } else {
        element_by_element<T>(x, gamma, out, pixels, channels, lanes, pixels_per_group, activation);
    }
}

#define ENTRY(suffix, T) \
    extern "C" __global__ void __launch_bounds__(THREADS, 4) channel_norm_##suffix(const T* x, const T* gamma, T* out, \
            const int64_t pixels, const int channels, const int lanes, const int pixels_per_group, \
            const int activation) { \
        channel_norm<T>(x, gamma, out, pixels, channels, lanes, pixels_per_group, activation); \
    }

ENTRY(bf16, bf16)
ENTRY(f16, f16)
ENTRY(f32, float)
