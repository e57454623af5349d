// The non-linearities, by the numbers that launchers pass. Computed in float by forms that lose no digits where the
// textbook form cancels, and that end at -0 or 0 for large negative arguments; NaN stays NaN.
#pragma once

#include "types.cuh"

enum Activation { NONE = 0, SILU = 1, GELU = 2, GELU_TANH = 3, QUICK_GELU = 4 };

// x / (1 + e^-ax)
__device__ __forceinline__ float times_sigmoid(const float x, const float argument) {
    const float result = x / (1.0f + expf(-argument));
    // Where e^-a is infinite, minus infinity would give NaN.
    return argument < -100.0f ? -0.0f : result;
}

__device__ __forceinline__ float silu(const float x) {
    return times_sigmoid(x, x);
}

// x Phi(x): the complement of the error function keeps the digits of the negative side.
__device__ __forceinline__ float gelu(const float x) {
    const float result = 0.5f * x * erfcf(x * -0.70710678118654752f);
    return x < -100.0f ? -0.0f : result;
}

// 0.5 x (1 + tanh(u)) = x sigmoid(2u) with u = sqrt(2 / pi) (x + 0.044715 x^3)
__device__ __forceinline__ float gelu_tanh(const float x) {
    const float twice = 1.5957691216057308f * (x + 0.044715f * x * x * x);
    return times_sigmoid(x, twice);
}

__device__ __forceinline__ float quick_gelu(const float x) {
    return times_sigmoid(x, 1.702f * x);
}

__device__ __forceinline__ float activate(const float x, const int activation) {
    switch (activation) {
        case SILU:
            return silu(x);
        case GELU:
            return gelu(x);
        case GELU_TANH:
            return gelu_tanh(x);
        case QUICK_GELU:
            return quick_gelu(x);
        default:
            return x;
    }
}
