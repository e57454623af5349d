// Operations on elements, each on its own: activations, sums, gates, conversions of type, timestep embedding.
//
//   silu, gelu, gelu_tanh, quick_gelu   out = activation(x), formulas in activation.cuh
//   add                                 out = a + b
//   swiglu                              out[l, i] = silu(gate[l, i]) * up[l, i]                     arXiv 2002.05202
//   cast_FROM_TO                        out = x in another type; F8_E4M3 (no infinity, 0x7f is NaN) and F8_E5M2 are
//                                       widened exactly, as stored weights are; others round to nearest even
//   timestep_embedding                  angle = scale * (t[n] * frequencies[i]); out[n] = (cos angles, sin angles)
//                                       in float, in the order of diffusers' get_timestep_embedding (flip_sin_to_cos)
//
// Shapes: activations, add, cast: `count` elements one after the other. swiglu: [rows, width], gate and up with rows
// gate_stride and up_stride elements apart (both may lie in rows of one projection), out without gaps.
// timestep_embedding: t [n], frequencies [half], out [n, 2 half].
// Types: the entry's type, computed in float. Alignment: of elements; accesses of 16 bytes where everything allows it.
// Launch: block = 256 threads; a thread takes two accesses of 16 bytes (of the wider type for a cast), both under way
// before the first is computed, so grid = ceil(count / (512 V)), V = 16 / size; when elements are not aligned, the same
// grid takes 2 V elements a thread, one at a time, a block's width apart. swiglu: one access of each operand, grid =
// (ceil(width / (256 V)), rows), y at most 8192 and then strided. timestep_embedding: grid = n, block = 128.
// out may be an operand itself.
#include "activation.cuh"

constexpr int THREADS = 256;

// Accesses of each operand that a thread has under way.
constexpr int ACCESSES = 2;

// Calls together(index of the first element) for accesses of V elements, THREADS V elements apart, or
// single(index of an element) for each.
template <int V, typename Together, typename Single>
__device__ __forceinline__ void for_elements(const int64_t count, const bool aligned, const Together& together,
        const Single& single) {
    const int64_t base = static_cast<int64_t>(blockIdx.x) * THREADS * V * ACCESSES;
    if (aligned && base + THREADS * V * ACCESSES <= count) {
        together(base + threadIdx.x * V);
        return;
    }
    // The last block of an array, and arrays that are not aligned.
#pragma unroll 1
    for (int j = 0; j < V * ACCESSES; j++) {
        const int64_t index = base + j * THREADS + threadIdx.x;
        if (index < count) {
            single(index);
        }
    }
}

template <typename T, int ACTIVATION>
__device__ __forceinline__ void activate_all(const T* x, T* out, const int64_t count) {
    constexpr int V = VECTOR<T>;
    for_elements<V>(
            count, is_aligned(x, 16) && is_aligned(out, 16),
            [&](const int64_t first) {
                Packed<T, V> packed[ACCESSES];
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    packed[i].load(x + first + i * THREADS * V);
                }
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    float values[V];
                    packed[i].widen(values);
#pragma unroll
                    for (int j = 0; j < V; j++) {
                        values[j] = activate<T>(values[j], ACTIVATION);
                    }
                    store(out + first + i * THREADS * V, values);
                }
            },
            [&](const int64_t i) { out[i] = from_float<T>(activate<T>(to_float(x[i]), ACTIVATION)); });
}

template <typename T> __device__ __forceinline__ void add_all(const T* a, const T* b, T* out, const int64_t count) {
    constexpr int V = VECTOR<T>;
    for_elements<V>(
            count, is_aligned(a, 16) && is_aligned(b, 16) && is_aligned(out, 16),
            [&](const int64_t at) {
                Packed<T, V> packed[2][ACCESSES];
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    packed[0][i].load(a + at + i * THREADS * V);
                    packed[1][i].load(b + at + i * THREADS * V);
                }
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    float first[V];
                    float second[V];
                    packed[0][i].widen(first);
                    packed[1][i].widen(second);
#pragma unroll
                    for (int j = 0; j < V; j++) {
                        first[j] += second[j];
                    }
                    store(out + at + i * THREADS * V, first);
                }
            },
            [&](const int64_t i) { out[i] = from_float<T>(to_float(a[i]) + to_float(b[i])); });
}

template <typename T>
__device__ __forceinline__ void gate_all(const T* gate, const T* up, T* out, const int rows, const int width,
        const int64_t gate_stride, const int64_t up_stride) {
    constexpr int V = VECTOR<T>;
    const bool aligned = width % V == 0 && gate_stride % V == 0 && up_stride % V == 0 && is_aligned(gate, 16)
            && is_aligned(up, 16) && is_aligned(out, 16);
#pragma unroll 1
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const T* const g = gate + row * gate_stride;
        const T* const u = up + row * up_stride;
        T* const o = out + row * width;
        if (aligned) {
            const int i = (blockIdx.x * THREADS + threadIdx.x) * V;
            if (i < width) {
                float factor[V];
                float values[V];
                load(g + i, factor);
                load(u + i, values);
#pragma unroll
                for (int j = 0; j < V; j++) {
                    values[j] *= silu<T>(factor[j]);
                }
                store(o + i, values);
            }
        } else {
#pragma unroll 1
            for (int j = 0; j < V; j++) {
                const int i = blockIdx.x * THREADS * V + j * THREADS + threadIdx.x;
                if (i < width) {
                    o[i] = from_float<T>(silu<T>(to_float(g[i])) * to_float(u[i]));
                }
            }
        }
    }
}

// Eight bits of two formats as stored weights have them. Both become F16 by moving bits, E4M3 with another bias.
struct f8_e4m3 {
    uint8_t bits;
};

struct f8_e5m2 {
    uint8_t bits;
};

__device__ __forceinline__ float to_float(const f8_e4m3 x) {
    const uint32_t magnitude = x.bits & 0x7f;
    const uint32_t half = (x.bits & 0x80) << 8 | (magnitude == 0x7f ? 0x7e00 : magnitude << 7);
    // The exponents' biases are 7 and 15.
    return to_float(f16{static_cast<uint16_t>(half)}) * 256.0f;
}

__device__ __forceinline__ float to_float(const f8_e5m2 x) {
    return to_float(f16{static_cast<uint16_t>(x.bits << 8)});
}

template <typename F, int V> __device__ __forceinline__ void load_any(const F* from, float (&values)[V]) {
    if constexpr (sizeof(F) == 1) {
        // V is 4 or 8: the targets have two or four bytes.
        uint32_t words[V / 4];
        if constexpr (V == 8) {
            const uint2 pair = *reinterpret_cast<const uint2*>(from);
            words[0] = pair.x;
            words[1] = pair.y;
        } else {
            words[0] = *reinterpret_cast<const uint32_t*>(from);
        }
#pragma unroll
        for (int j = 0; j < V; j++) {
            values[j] = to_float(F{static_cast<uint8_t>(words[j / 4] >> j % 4 * 8)});
        }
    } else {
        load(from, values);
    }
}

template <typename F, typename T>
__device__ __forceinline__ void cast_all(const F* x, T* out, const int64_t count) {
    constexpr int V = sizeof(F) > sizeof(T) ? VECTOR<F> : VECTOR<T>;
    for_elements<V>(
            count, is_aligned(x, V * sizeof(F)) && is_aligned(out, V * sizeof(T)),
            [&](const int64_t first) {
                float values[ACCESSES][V];
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    load_any(x + first + i * THREADS * V, values[i]);
                }
#pragma unroll
                for (int i = 0; i < ACCESSES; i++) {
                    store(out + first + i * THREADS * V, values[i]);
                }
            },
            [&](const int64_t i) { out[i] = from_float<T>(to_float(x[i])); });
}

#define ACTIVATION_ENTRY(name, number, suffix, T) \
    extern "C" __global__ void __launch_bounds__(THREADS) name##_##suffix(const T* x, T* out, const int64_t count) { \
        activate_all<T, number>(x, out, count); \
    }

#define ENTRIES(suffix, T) \
    ACTIVATION_ENTRY(silu, SILU, suffix, T) \
    ACTIVATION_ENTRY(gelu, GELU, suffix, T) \
    ACTIVATION_ENTRY(gelu_tanh, GELU_TANH, suffix, T) \
    ACTIVATION_ENTRY(quick_gelu, QUICK_GELU, suffix, T) \
    extern "C" __global__ void __launch_bounds__(THREADS) add_##suffix(const T* a, const T* b, T* out, \
            const int64_t count) { \
        add_all<T>(a, b, out, count); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) swiglu_##suffix(const T* gate, const T* up, T* out, \
            const int rows, const int width, const int64_t gate_stride, const int64_t up_stride) { \
        gate_all<T>(gate, up, out, rows, width, gate_stride, up_stride); \
    } \
    extern "C" __global__ void timestep_embedding_##suffix(const float* t, const float* frequencies, T* out, \
            const int half, const float scale) { \
        T* const row = out + static_cast<int64_t>(blockIdx.x) * 2 * half; \
        for (int i = threadIdx.x; i < half; i += blockDim.x) { \
            float sine; \
            float cosine; \
            sincosf(__fmul_rn(scale, __fmul_rn(t[blockIdx.x], frequencies[i])), &sine, &cosine); \
            row[i] = from_float<T>(cosine); \
            row[half + i] = from_float<T>(sine); \
        } \
    }

#define CAST_ENTRY(from, F, to, T) \
    extern "C" __global__ void __launch_bounds__(THREADS) cast_##from##_##to(const F* x, T* out, \
            const int64_t count) { \
        cast_all<F, T>(x, out, count); \
    }

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
CAST_ENTRY(f32, float, bf16, bf16)
CAST_ENTRY(f32, float, f16, f16)
CAST_ENTRY(bf16, bf16, f32, float)
CAST_ENTRY(bf16, bf16, f16, f16)
CAST_ENTRY(f16, f16, f32, float)
CAST_ENTRY(f16, f16, bf16, bf16)
CAST_ENTRY(f8_e4m3, f8_e4m3, bf16, bf16)
CAST_ENTRY(f8_e4m3, f8_e4m3, f16, f16)
CAST_ENTRY(f8_e4m3, f8_e4m3, f32, float)
CAST_ENTRY(f8_e5m2, f8_e5m2, bf16, bf16)
CAST_ENTRY(f8_e5m2, f8_e5m2, f16, f16)
CAST_ENTRY(f8_e5m2, f8_e5m2, f32, float)
