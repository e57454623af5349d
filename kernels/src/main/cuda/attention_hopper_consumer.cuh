// The consumers of attention_hopper.cu: warpgroups that multiply, take turns, and go through the keys of an item.
#pragma once

#include "attention_hopper_softmax.cuh"

namespace {

/** A warpgroup's 64 rows of queries: where they lie, and copies in registers if they are kept there. */
struct Queries {
    uint32_t address;
    uint32_t pairs[QUERY_REGISTERS ? QUERIES : 1];

    /** Copies this warp's 16 rows. */
    __device__ __forceinline__ void load() {
        const uint32_t row = threadIdx.x / WARP % WARPS_PER_WARPGROUP * 16 + threadIdx.x % 16;
        const uint32_t half = threadIdx.x % WARP / 16;
#pragma unroll
        for (int k = 0; k < HEAD; k += K_STEP) {
            const uint32_t piece = k % PANEL / 8 + half;  // of 16 bytes; swizzled by the row
            load_matrices(pairs + k / 4, address + k / PANEL * QUERY_PANEL_BYTES + row * 128 + (piece ^ row % 8) * 16);
        }
    }
};

/** Starts scores = q k^T: 64 rows of queries by KEY_ROWS keys. */
template <class Element>
__device__ __forceinline__ void multiply_query_key(float (&scores)[SCORES], const Queries& queries,
                                                   const uint32_t key) {
    const uint64_t a = operand(queries.address, 0);
    const uint64_t b = operand(key, 0);
#pragma unroll
    for (int k = 0; k < HEAD; k += K_STEP) {
        const int panel = k / PANEL;
        const int offset = k % PANEL * ELEMENT_BYTES;
        const uint64_t b_step = b + (panel * TILE_PANEL_BYTES + offset >> 4);
        if constexpr (QUERY_REGISTERS) {
            Product<Element, KEY_ROWS>::template from_registers<false>(scores, queries.pairs + k / 4, b_step, k != 0);
        } else {
            Product<Element, KEY_ROWS>::from_shared(scores, a + (panel * QUERY_PANEL_BYTES + offset >> 4), b_step,
                                                    k != 0);
        }
    }
    wgmma_commit();
}

/** Starts output += p v: 64 rows of queries by HEAD columns. */
template <class Element>
__device__ __forceinline__ void multiply_probability_value(float (&output)[OUTPUTS],
                                                           const uint32_t (&probabilities)[PROBABILITIES],
                                                           const uint32_t value) {
    const uint64_t b = operand(value, TILE_PANEL_BYTES);
#pragma unroll
    for (int k = 0; k < KEY_ROWS; k += K_STEP) {
        Product<Element, HEAD>::template from_registers<true>(output, probabilities + k / 4,
                                                              b + (k * PANEL * ELEMENT_BYTES >> 4), 1);
    }
    wgmma_commit();
}

/** The consumer's state between blocks, apart from the products' registers. */
struct Consumer {
    Shared& shared;
    uint32_t index;   // which consumer of this block
    int row;          // this thread's first of the item; the other is eight below
    Queries queries;
    float scale_log2;
    Ring keys, values;
    Softmax softmax;

    __device__ __forceinline__ void await_key() const {
        barrier_wait(shared_address(&shared.key_full[keys.stage]), keys.parity);
    }

    __device__ __forceinline__ void await_value() const {
        barrier_wait(shared_address(&shared.value_full[values.stage]), values.parity);
    }

    /** Each warp tells each block of the cluster. */
    static __device__ __forceinline__ void release(const uint64_t& empty) {
        const uint32_t lane = threadIdx.x % WARP;
        if (CLUSTER == 1 && lane == 0) {
            barrier_arrive(shared_address(&empty));
        } else if (CLUSTER > 1 && lane < CLUSTER) {
            barrier_arrive_remote(shared_address(&empty), lane);
        }
    }

    __device__ __forceinline__ void release_key() {
        release(shared.key_empty[keys.stage]);
        keys.advance();
    }

    /** After the queries' last use in shared memory. */
    __device__ __forceinline__ void release_query() const {
        if (threadIdx.x % WARP == 0) {
            barrier_arrive(shared_address(&shared.query_empty));
        }
    }

    __device__ __forceinline__ void release_value() {
        release(shared.value_empty[values.stage]);
        values.advance();
    }

    __device__ __forceinline__ uint32_t key() const {
        return shared_address(shared.key[0]) + keys.stage * TILE_BYTES;
    }

    __device__ __forceinline__ uint32_t value() const {
        return shared_address(shared.value[0]) + values.stage * TILE_BYTES;
    }

    __device__ __forceinline__ void await_turn() const {
        if (TURNS) {
            named_barrier_sync(TURN_BARRIER + index, 2 * WARPGROUP);
        }
    }

    __device__ __forceinline__ void pass_turn() const {
        if (TURNS) {
            named_barrier_arrive(TURN_BARRIER + (index + 1) % CONSUMERS, 2 * WARPGROUP);
        }
    }
};

/** One block: its scores, the product of the block before with its values meanwhile, then its probabilities. */
template <class Element, bool Masked>
__device__ __forceinline__ void step_overlapped(Consumer& consumer, float (&output)[OUTPUTS],
                                                uint32_t (&probabilities)[PROBABILITIES], const int (&limits)[2],
                                                const int first_column) {
    float scores[SCORES];
    consumer.await_key();
    consumer.await_turn();
    wgmma_fence();
    multiply_query_key<Element>(scores, consumer.queries, consumer.key());
    consumer.await_value();
    multiply_probability_value<Element>(output, probabilities, consumer.value());
    consumer.pass_turn();
    wgmma_wait<1>();
    hold(scores);
    consumer.release_key();
    if (Masked) {
        mask_scores(scores, limits, first_column);
    }
    exponentiate<Masked>(scores, consumer.softmax, consumer.scale_log2);
    wgmma_wait<0>();
    hold(output);
    consumer.release_value();
    round_probabilities<Element>(probabilities, scores);
    rescale(output, consumer.softmax);
}

/** One block, its two products one after the other. */
template <class Element, bool Masked>
__device__ __forceinline__ void step_in_order(Consumer& consumer, float (&output)[OUTPUTS], const int (&limits)[2],
                                              const int first_column) {
    float scores[SCORES];
    uint32_t probabilities[PROBABILITIES];
    consumer.await_key();
    wgmma_fence();
    multiply_query_key<Element>(scores, consumer.queries, consumer.key());
    consumer.pass_turn();
    wgmma_wait<0>();
    hold(scores);
    consumer.release_key();
    if (Masked) {
        mask_scores(scores, limits, first_column);
    }
    exponentiate<Masked>(scores, consumer.softmax, consumer.scale_log2);
    round_probabilities<Element>(probabilities, scores);
    rescale(output, consumer.softmax);
    consumer.await_value();
    consumer.await_turn();
    wgmma_fence();
    multiply_probability_value<Element>(output, probabilities, consumer.value());
    wgmma_wait<0>();
    hold(output);
    consumer.release_value();
}

/** All blocks of one item, from the last to the first. */
template <class Element>
__device__ __forceinline__ void attend(Consumer& consumer, float (&output)[OUTPUTS], const WorkItem& item) {
    const int lane = threadIdx.x % WARP;
    const int row = consumer.row;
    const int last_key = item.key_length - 1;
    const int limits[2] = {min(last_key, row + item.diagonal), min(last_key, row + 8 + item.diagonal)};
    const int first_block = item.first_block;
    const int masked_block = item.masked_block;
    int block = item.end_block - 1;
    int first_column = block * KEY_ROWS + lane % 4 * 2;
    if constexpr (OVERLAP) {
        uint32_t probabilities[PROBABILITIES];
        {
            float scores[SCORES];
            consumer.await_key();
            wgmma_fence();
            multiply_query_key<Element>(scores, consumer.queries, consumer.key());
            wgmma_wait<0>();
            hold(scores);
            consumer.release_key();
            mask_scores(scores, limits, first_column);
            exponentiate<true>(scores, consumer.softmax, consumer.scale_log2);
            round_probabilities<Element>(probabilities, scores);
        }
        for (block--, first_column -= KEY_ROWS; block >= max(first_block, masked_block);
             block--, first_column -= KEY_ROWS) {
            step_overlapped<Element, true>(consumer, output, probabilities, limits, first_column);
        }
        for (; block >= first_block; block--) {
            step_overlapped<Element, false>(consumer, output, probabilities, limits, 0);
        }
        if constexpr (!QUERY_REGISTERS) {
            consumer.release_query();
        }
        consumer.await_value();
        wgmma_fence();
        multiply_probability_value<Element>(output, probabilities, consumer.value());
        wgmma_wait<0>();
        hold(output);
        consumer.release_value();
    } else {
        consumer.await_turn();
        for (; block >= max(first_block, masked_block); block--, first_column -= KEY_ROWS) {
            step_in_order<Element, true>(consumer, output, limits, first_column);
        }
        for (; block >= first_block; block--) {
            step_in_order<Element, false>(consumer, output, limits, 0);
        }
        consumer.pass_turn();
        if constexpr (!QUERY_REGISTERS) {
            consumer.release_query();
        }
    }
}

}  // namespace
