// Storage types, exact conversions, vectors of 16 bytes and reductions that all kernels share. Self-contained: no
// header of the toolkit is included, the intrinsics used are those that NVRTC itself declares.
//
// bf16 and f16 hold bits; arithmetic is in float. Conversions from float round to nearest, ties to even, and keep
// infinities and NaN. Integers have the names of <stdint.h>.
#pragma once

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;

constexpr int WARP = 32;
constexpr uint32_t ALL_LANES = 0xffffffffu;

struct bf16 {
    uint16_t bits;
};

struct f16 {
    uint16_t bits;
};

__device__ __forceinline__ float to_float(const bf16 x) {
    return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}

__device__ __forceinline__ float to_float(const f16 x) {
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
    return result;
}

__device__ __forceinline__ float to_float(const float x) {
    return x;
}

template <typename T> __device__ __forceinline__ T from_float(float x);

template <> __device__ __forceinline__ bf16 from_float<bf16>(const float x) {
    bf16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
}

template <> __device__ __forceinline__ f16 from_float<f16>(const float x) {
    f16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
}

template <> __device__ __forceinline__ float from_float<float>(const float x) {
    return x;
}

// Two elements in 32 bits, the first in the lower half.
template <typename T> __device__ __forceinline__ uint32_t pack2(float first, float second);

template <> __device__ __forceinline__ uint32_t pack2<bf16>(const float first, const float second) {
    uint32_t result;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(second), "f"(first));
    return result;
}

template <> __device__ __forceinline__ uint32_t pack2<f16>(const float first, const float second) {
    uint32_t result;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(second), "f"(first));
    return result;
}

template <typename T> __device__ __forceinline__ void unpack2(uint32_t pair, float& first, float& second);

template <> __device__ __forceinline__ void unpack2<bf16>(const uint32_t pair, float& first, float& second) {
    first = __uint_as_float(pair << 16);
    second = __uint_as_float(pair & 0xffff0000u);
}

template <> __device__ __forceinline__ void unpack2<f16>(const uint32_t pair, float& first, float& second) {
    first = to_float(f16{static_cast<uint16_t>(pair)});
    second = to_float(f16{static_cast<uint16_t>(pair >> 16)});
}

// How many elements a 16-byte access moves.
template <typename T> constexpr int VECTOR = 16 / static_cast<int>(sizeof(T));

// N elements as they lie in memory, moved by the widest accesses that their alignment (N sizeof(T), at most 16 bytes)
// allows.
template <typename T, int N> struct Packed {
    static constexpr int BYTES = N * static_cast<int>(sizeof(T));
    static constexpr int WORDS = BYTES >= 4 ? BYTES / 4 : 1;
    static_assert(BYTES == 2 || BYTES == 4 || BYTES == 8 || BYTES % 16 == 0, "no such access");

    uint32_t words[WORDS];

    __device__ __forceinline__ void load(const T* __restrict__ from) {
        if constexpr (BYTES == 2) {
            words[0] = *reinterpret_cast<const uint16_t*>(from);
        } else if constexpr (BYTES == 4) {
            words[0] = *reinterpret_cast<const uint32_t*>(from);
        } else if constexpr (BYTES == 8) {
            const uint2 value = *reinterpret_cast<const uint2*>(from);
            words[0] = value.x;
            words[1] = value.y;
        } else {
#pragma unroll
            for (int i = 0; i < BYTES / 16; i++) {
                const uint4 value = reinterpret_cast<const uint4*>(from)[i];
                words[4 * i] = value.x;
                words[4 * i + 1] = value.y;
                words[4 * i + 2] = value.z;
                words[4 * i + 3] = value.w;
            }
        }
    }

    __device__ __forceinline__ void store(T* __restrict__ to) const {
        if constexpr (BYTES == 2) {
            *reinterpret_cast<uint16_t*>(to) = static_cast<uint16_t>(words[0]);
        } else if constexpr (BYTES == 4) {
            *reinterpret_cast<uint32_t*>(to) = words[0];
        } else if constexpr (BYTES == 8) {
            *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
        } else {
#pragma unroll
            for (int i = 0; i < BYTES / 16; i++) {
                reinterpret_cast<uint4*>(to)[i] =
                        make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
            }
        }
    }

    __device__ __forceinline__ void zero() {
#pragma unroll
        for (int i = 0; i < WORDS; i++) {
            words[i] = 0;
        }
    }

    __device__ __forceinline__ void widen(float (&values)[N]) const {
        if constexpr (sizeof(T) == 4) {
#pragma unroll
            for (int i = 0; i < N; i++) {
                values[i] = __uint_as_float(words[i]);
            }
        } else if constexpr (N == 1) {
            values[0] = to_float(T{static_cast<uint16_t>(words[0])});
        } else {
#pragma unroll
            for (int i = 0; i < N / 2; i++) {
                unpack2<T>(words[i], values[2 * i], values[2 * i + 1]);
            }
        }
    }

    __device__ __forceinline__ void narrow(const float (&values)[N]) {
        if constexpr (sizeof(T) == 4) {
#pragma unroll
            for (int i = 0; i < N; i++) {
                words[i] = __float_as_uint(values[i]);
            }
        } else if constexpr (N == 1) {
            words[0] = from_float<T>(values[0]).bits;
        } else {
#pragma unroll
            for (int i = 0; i < N / 2; i++) {
                words[i] = pack2<T>(values[2 * i], values[2 * i + 1]);
            }
        }
    }
};

// Loads N elements and widens them.
template <int N, typename T> __device__ __forceinline__ void load(const T* __restrict__ from, float (&values)[N]) {
    Packed<T, N> packed;
    packed.load(from);
    packed.widen(values);
}

// Narrows N numbers and stores them.
template <int N, typename T> __device__ __forceinline__ void store(T* __restrict__ to, const float (&values)[N]) {
    Packed<T, N> packed;
    packed.narrow(values);
    packed.store(to);
}

// Whether an address may be used with accesses of that many bytes (a power of two).
__device__ __forceinline__ bool is_aligned(const void* address, const int bytes) {
    return (reinterpret_cast<uint64_t>(address) & (bytes - 1)) == 0;
}

// Sum over the lanes of a warp, the same bits in every lane.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

// Sum over a one-dimensional block of whole warps, the same bits in every thread. One barrier: a following call needs
// another array of partial sums, one number for each warp.
__device__ __forceinline__ float block_sum(float value, float* partial) {
    value = warp_sum(value);
    if (threadIdx.x % WARP == 0) {
        partial[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    const int warps = blockDim.x / WARP;
    const int lane = threadIdx.x % WARP;
    return warp_sum(lane < warps ? partial[lane] : 0.0f);
}
