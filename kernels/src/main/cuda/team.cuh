// Teams: parts of a block, of whole warps, that have rows of their own and wait for themselves alone.
#pragma once

#include "types.cuh"

/** Waits until so many threads of the block, whole warps, have come to the barrier with this number (0 to 15). */
__device__ __forceinline__ void named_barrier(const int number, const int threads) {
    asm volatile("bar.sync %0, %1;" :: "r"(number), "r"(threads) : "memory");
}

/** The team that the calling thread belongs to. MOST_WARPS: of a block. */
template <int MOST_WARPS> struct Team {
    int threads;
    int index;
    int member;
    /** How many there are in the block, at most 15. */
    int count;
    float (*partial)[MOST_WARPS];

    __device__ __forceinline__ Team(const int team_threads, float (*sums)[MOST_WARPS])
        : threads(team_threads), index(threadIdx.x / team_threads), member(threadIdx.x % team_threads),
          count(blockDim.x / team_threads), partial(sums) {}

    /** Sum over the team, the same bits in every thread. A following call needs the other number, 0 or 1. */
    __device__ __forceinline__ float sum(float value, const int number) const {
        value = warp_sum(value);
        if (threads == WARP) {
            return value;
        }
        const int lane = threadIdx.x % WARP;
        const int warps = threads / WARP;
        if (lane == 0) {
            partial[number][threadIdx.x / WARP] = value;
        }
        named_barrier(index + 1, threads);
        return warp_sum(lane < warps ? partial[number][index * warps + lane] : 0.0f);
    }
};
