// The end of an item of attention_hopper.cu: rows of the output, and the sum of the parts of a divided tile.
#pragma once

#include "attention_hopper_tile.cuh"

namespace {

/**
 * Normalises and stores two rows per thread. The four threads of a row hold its columns in pairs; they exchange them
 * so that each stores 16 bytes and a row's four stores make 64 in sequence.
 */
template <class Element>
__device__ __forceinline__ void store_rows(const float (&output)[OUTPUTS], const float (&sums)[2],
                                           uint8_t* out, const int64_t row_bytes, const int row,
                                           const int rows) {
    const uint32_t quarter = threadIdx.x % 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float inverse = sums[half] == 0 ? 0 : 1 / sums[half];
        const bool valid = row + half * 8 < rows;
        uint8_t* const target = out + (row + half * 8) * row_bytes + quarter * 16;
#pragma unroll
        for (int group = 0; group < HEAD / 32; group++) {
            // own[j]: this thread's pair of columns of the group's j-th run of 8 columns
            uint32_t own[4];
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int i = (group * 4 + j) * 4 + half * 2;
                own[j] = pack2<Element>(output[i] * inverse, output[i + 1] * inverse);
            }
            // 4 x 4 transposition among the quarters: by pairs at distance 2, then 1
            const bool upper = quarter & 2;
            const bool odd = quarter & 1;
            uint32_t sent0 = __shfl_xor_sync(ALL_LANES, upper ? own[0] : own[2], 2);
            uint32_t sent1 = __shfl_xor_sync(ALL_LANES, upper ? own[1] : own[3], 2);
            const uint32_t a0 = upper ? sent0 : own[0];
            const uint32_t a1 = upper ? sent1 : own[1];
            const uint32_t a2 = upper ? own[2] : sent0;
            const uint32_t a3 = upper ? own[3] : sent1;
            sent0 = __shfl_xor_sync(ALL_LANES, odd ? a0 : a1, 1);
            sent1 = __shfl_xor_sync(ALL_LANES, odd ? a2 : a3, 1);
            uint4 run;
            run.x = odd ? sent0 : a0;
            run.y = odd ? a1 : sent0;
            run.z = odd ? sent1 : a2;
            run.w = odd ? a3 : sent1;
            if (valid) {
                *reinterpret_cast<uint4*>(target + group * 64) = run;
            }
        }
    }
}

/** The workspace of divided tiles: each thread's own registers, so that a warp's accesses are contiguous. */
struct Workspace {
    static constexpr int VECTORS = OUTPUTS / 4;
    static constexpr int PARTS = CLUSTER * CONSUMERS;
    static constexpr int SLOT = PARTS * WARPGROUP * (VECTORS + 1);  // in float4

    float4* slots;

    __device__ __forceinline__ float4* output(const int slot, const uint32_t part, const int vector) const {
        return slots + static_cast<int64_t>(slot) * SLOT + (part * VECTORS + vector) * WARPGROUP +
               threadIdx.x % WARPGROUP;
    }

    __device__ __forceinline__ float4* state(const int slot, const uint32_t part) const {
        return output(slot, PARTS, 0) + static_cast<int>(part * WARPGROUP);
    }
};

/** Stores this warp's part of a divided tile; true for the warp that completes it, which then holds all parts' sum. */
__device__ __forceinline__ bool combine(const Workspace& workspace, const WorkItem& item, int* counters,
                                        const uint32_t part, float (&output)[OUTPUTS], float (&sums)[2],
                                        const float (&maxima)[2], const float scale_log2) {
#pragma unroll
    for (int i = 0; i < Workspace::VECTORS; i++) {
        *workspace.output(item.slot, part, i) =
            make_float4(output[4 * i], output[4 * i + 1], output[4 * i + 2], output[4 * i + 3]);
    }
    *workspace.state(item.slot, part) = make_float4(maxima[0], maxima[1], sums[0], sums[1]);
    __threadfence();
    __syncwarp();
    int* const counter = counters + item.counter + part * WARPS_PER_WARPGROUP +
                         threadIdx.x / WARP % WARPS_PER_WARPGROUP;
    int arrived = 0;
    if (threadIdx.x % WARP == 0) {
        arrived = atomicAdd(counter, 1);
    }
    arrived = __shfl_sync(ALL_LANES, arrived, 0);
    if (arrived != item.slots - 1) {
        return false;
    }
    __threadfence();
    if (threadIdx.x % WARP == 0) {
        *counter = 0;
    }
    float common[2] = {MINUS_INFINITY, MINUS_INFINITY};
    for (int slot = item.first_slot; slot < item.first_slot + item.slots; slot++) {
        const float4 state = __ldcg(workspace.state(slot, part));
        common[0] = fmaxf(common[0], state.x);
        common[1] = fmaxf(common[1], state.y);
    }
    sums[0] = 0;
    sums[1] = 0;
#pragma unroll
    for (int i = 0; i < OUTPUTS; i++) {
        output[i] = 0;
    }
    for (int slot = item.first_slot; slot < item.first_slot + item.slots; slot++) {
        const float4 state = __ldcg(workspace.state(slot, part));
        // a part in which a row sees no key has a sum of 0 and the maximum -infinity
        const float weight0 = state.z == 0 ? 0 : exp2_approximate((state.x - common[0]) * scale_log2);
        const float weight1 = state.w == 0 ? 0 : exp2_approximate((state.y - common[1]) * scale_log2);
        sums[0] = fmaf(state.z, weight0, sums[0]);
        sums[1] = fmaf(state.w, weight1, sums[1]);
#pragma unroll
        for (int i = 0; i < Workspace::VECTORS; i++) {
            const float4 share = __ldcg(workspace.output(slot, part, i));
            output[4 * i] = fmaf(share.x, weight0, output[4 * i]);
            output[4 * i + 1] = fmaf(share.y, weight0, output[4 * i + 1]);
            output[4 * i + 2] = fmaf(share.z, weight1, output[4 * i + 2]);
            output[4 * i + 3] = fmaf(share.w, weight1, output[4 * i + 3]);
        }
    }
    return true;
}

}  // namespace
