// The online softmax of attention.cu: what a lane knows of its rows, masks, and maxima that pull their rows along.
#pragma once

#include "attention_tiles.cuh"

/** What a lane knows of two rows of each of its warp's row tiles: rows lane / 4 and lane / 4 + 8. */
template <typename Tile>
struct RowState {
    float anchor[Tile::ROW_TILES][2];
    float sum[Tile::ROW_TILES][2];
    /** Whether an anchor of this warp is beyond HUGE_EXPONENT. */
    bool huge;
};

template <typename Tile>
using Scores = float[Tile::ROW_TILES][Tile::KEYS / 8][4];
template <typename Tile>
using Accumulator = float[Tile::ROW_TILES][Tile::WIDTH / 8][4];
template <typename Tile>
using QueryFragments = unsigned[Tile::ROW_TILES][Tile::WIDTH / 16][4];

template <typename Tile>
__device__ __forceinline__ void clear(Accumulator<Tile>& accumulator, RowState<Tile>& state) {
    state.huge = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            state.anchor[i][half] = minus_infinity();
            state.sum[i][half] = 0.0f;
        }
#pragma unroll
        for (int n = 0; n < Tile::WIDTH / 8; ++n) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                accumulator[i][n][e] = 0.0f;
            }
        }
    }
}

/** Scores of keys from `visible` on (counted from the tile's first key) become -infinity. */
template <typename Tile>
__device__ __forceinline__ void mask(Scores<Tile>& scores, const int visible_end, const int causal_step,
                                     const int key_limit) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = 16 * i + 8 * half + lane / 4;
            const int end = min(visible_end + causal_step * row, key_limit) - lane % 4 * 2;
#pragma unroll
            for (int n = 0; n < Tile::KEYS / 8; ++n) {
#pragma unroll
                for (int e = 0; e < 2; ++e) {
                    if (8 * n + e >= end) {
                        scores[i][n][2 * half + e] = minus_infinity();
                    }
                }
            }
        }
    }
}

/** Moves the anchors to the rows' maxima and rescales what has been summed up, if a score exceeds the headroom. */
template <typename Tile>
__device__ __forceinline__ void follow_maximum(const Scores<Tile>& scores, RowState<Tile>& state,
                                               Accumulator<Tile>& accumulator, const float scale,
                                               const float headroom) {
    float maximum[Tile::ROW_TILES][2];
    bool exceeds = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = minus_infinity();
#pragma unroll
            for (int n = 0; n < Tile::KEYS / 8; ++n) {
                largest = fmaxf(largest, fmaxf(scores[i][n][2 * half], scores[i][n][2 * half + 1]));
            }
            maximum[i][half] = largest;
            exceeds = exceeds || largest > state.anchor[i][half] + headroom;
        }
    }
    if (!__any_sync(ALL_LANES, exceeds)) {
        return;
    }
    bool huge = false;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = fmaxf(maximum[i][half], state.anchor[i][half]);
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 2));
            const float before = state.anchor[i][half];
            const float factor = before == minus_infinity() ? 0.0f : exp2_approximate((before - largest) * scale);
            state.anchor[i][half] = largest;
            state.sum[i][half] *= factor;
            huge = huge || (largest != minus_infinity() && fabsf(largest * scale) > HUGE_EXPONENT);
#pragma unroll
            for (int n = 0; n < Tile::WIDTH / 8; ++n) {
                accumulator[i][n][2 * half] *= factor;
                accumulator[i][n][2 * half + 1] *= factor;
            }
        }
    }
    state.huge = __any_sync(ALL_LANES, huge);
}

/**
 * What is to be subtracted from scaled scores. A scaled score of 2^24 has no fraction left, and the rounding of
 * anchor * scale would appear as a power of two: such scores are made relative to the anchor first, which is exact for
 * the largest.
 */
template <typename Tile>
__device__ __forceinline__ void scores_to_exponents(Scores<Tile>& scores, const RowState<Tile>& state,
                                                    float (&shift)[Tile::ROW_TILES][2], const float scale) {
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float anchor = state.anchor[i][half] == minus_infinity() ? 0.0f : state.anchor[i][half];
            shift[i][half] = anchor * scale;
        }
    }
    if (state.huge) {
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float anchor = state.anchor[i][half] == minus_infinity() ? 0.0f : state.anchor[i][half];
                shift[i][half] = 0.0f;
#pragma unroll
                for (int n = 0; n < Tile::KEYS / 8; ++n) {
                    scores[i][n][2 * half] -= anchor;
                    scores[i][n][2 * half + 1] -= anchor;
                }
            }
        }
    }
}
