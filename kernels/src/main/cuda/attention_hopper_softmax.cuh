// The online softmax of attention_hopper.cu, on scores as wgmma leaves them in registers.
#pragma once

#include "attention_hopper_tile.cuh"

namespace {

/** What a thread keeps of the online softmax of its two rows (https://arxiv.org/abs/2112.05682). */
struct Softmax {
    float maximum[2];  // of the raw scores, as far as the output is scaled by it
    float sum[2];      // of this thread's probabilities
    float correction[2];
    bool grown;
};

/** Scores of keys that a row does not see become minus infinity; limits: last visible key of each of the two rows. */
__device__ __forceinline__ void mask_scores(float (&scores)[SCORES], const int (&limits)[2], const int first_column) {
#pragma unroll
    for (int i = 0; i < SCORES; i++) {
        const int column = first_column + i / 4 * 8 + i % 2;
        if (column > limits[i / 2 % 2]) {
            scores[i] = MINUS_INFINITY;
        }
    }
}

/** Turns raw scores into probabilities relative to the rows' maxima, which move if they must. */
template <bool Masked>
__device__ __forceinline__ void exponentiate(float (&scores)[SCORES], Softmax& softmax, const float scale_log2) {
    softmax.grown = false;
    float subtrahend[2];
#pragma unroll
    for (int row = 0; row < 2; row++) {
        float even = scores[row * 2];
        float odd = scores[row * 2 + 1];
#pragma unroll
        for (int i = row * 2 + 4; i < SCORES; i += 4) {
            even = fmaxf(even, scores[i]);
            odd = fmaxf(odd, scores[i + 1]);
        }
        float maximum = fmaxf(even, odd);
        maximum = fmaxf(maximum, __shfl_xor_sync(ALL_LANES, maximum, 1));
        maximum = fmaxf(maximum, __shfl_xor_sync(ALL_LANES, maximum, 2));
        const float growth = (maximum - softmax.maximum[row]) * scale_log2;
        softmax.correction[row] = 1;
        if (RESCALE_THRESHOLD == 0 ? growth > 0 : growth > RESCALE_THRESHOLD) {
            softmax.correction[row] = exp2_approximate(-growth);
            softmax.sum[row] *= softmax.correction[row];
            softmax.maximum[row] = maximum;
            softmax.grown = true;
        }
        subtrahend[row] = softmax.maximum[row] * scale_log2;
        if (Masked && softmax.maximum[row] == MINUS_INFINITY) {  // no key seen yet
            subtrahend[row] = 0;
        }
    }
    float sums[4] = {softmax.sum[0], 0, softmax.sum[1], 0};
#pragma unroll
    for (int i = 0; i < SCORES; i++) {
        scores[i] = exp2_approximate(fmaf(scores[i], scale_log2, -subtrahend[i / 2 % 2]));
        sums[i % 4] += scores[i];
    }
    softmax.sum[0] = sums[0] + sums[1];
    softmax.sum[1] = sums[2] + sums[3];
}

template <class Element>
__device__ __forceinline__ void round_probabilities(uint32_t (&probabilities)[PROBABILITIES],
                                                    const float (&scores)[SCORES]) {
#pragma unroll
    for (int i = 0; i < PROBABILITIES; i++) {
        probabilities[i] = pack2<Element>(scores[2 * i], scores[2 * i + 1]);
    }
}

__device__ __forceinline__ void rescale(float (&output)[OUTPUTS], const Softmax& softmax) {
    if (__any_sync(ALL_LANES, softmax.grown)) {
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) {
            output[i] *= softmax.correction[i / 2 % 2];
        }
    }
}

}  // namespace
