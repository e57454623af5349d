// The non-linearities, by the numbers that launchers pass. Computed in float by forms that lose no digits where the
// textbook form cancels, and that end at -0 or 0 for large negative arguments; NaN stays NaN. T is the type that the
// result is rounded to: for 16 bits the device's approximate exponential and quotient do, which are within 2^-20 and
// take a third of the instructions.
#pragma once

#include "ptx.cuh"

enum Activation { NONE = 0, SILU = 1, GELU = 2, GELU_TANH = 3, QUICK_GELU = 4 };

// x / (1 + e^-argument)
template <typename T> __device__ __forceinline__ float times_sigmoid(const float x, const float argument) {
    float result;
    if constexpr (sizeof(T) == 4) {
        result = x / (1.0f + expf(-argument));
    } else {
        result = __fdividef(x, 1.0f + exp2_approximate(argument * -1.4426950408889634f));
    }
    // Where e^-a is infinite, minus infinity would give NaN.
    return argument < -100.0f ? -0.0f : result;
}

template <typename T> __device__ __forceinline__ float silu(const float x) {
    return times_sigmoid<T>(x, x);
}

// x Phi(x): the complement of the error function keeps the digits of the negative side.
__device__ __forceinline__ float gelu(const float x) {
    const float result = 0.5f * x * erfcf(x * -0.70710678118654752f);
    return x < -100.0f ? -0.0f : result;
}

// 0.5 x (1 + tanh(u)) = x sigmoid(2u) with u = sqrt(2 / pi) (x + 0.044715 x^3)
template <typename T> __device__ __forceinline__ float gelu_tanh(const float x) {
    const float twice = 1.5957691216057308f * (x + 0.044715f * x * x * x);
    return times_sigmoid<T>(x, twice);
}

template <typename T> __device__ __forceinline__ float quick_gelu(const float x) {
    return times_sigmoid<T>(x, 1.702f * x);
}

template <typename T> __device__ __forceinline__ float activate(const float x, const int activation) {
    switch (activation) {
        case SILU:
            return silu<T>(x);
        case GELU:
            return gelu(x);
        case GELU_TANH:
            return gelu_tanh<T>(x);
        case QUICK_GELU:
            return quick_gelu<T>(x);
        default:
            return x;
    }
}
