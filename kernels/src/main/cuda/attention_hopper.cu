// architectures: sm_90a
//
// Attention for Hopper: out = softmax(q k^T scale) v for head dimension 128, one or several sequences, every key or
// causal, grouped heads. Warp-specialised after FlashAttention-3 (https://arxiv.org/abs/2407.08608): one producer
// warp feeds tiles by TMA, consumer warpgroups multiply with wgmma and take turns, each computing a softmax while the
// tensor cores work for another and for its own previous block.
//
//   q    [Lq, H, 128]    through a tensor map with dimensions (64, Lq, 2, H), box (64, query_rows, 2, 1)
//   k, v [Lk, Hkv, 128]  the same with box (64, key_rows, 2, 1); all three swizzled by 128 bytes, zeros beyond the end;
//                        strides of rows and heads are the tensor maps' own, multiples of 16 bytes
//   out  [Lq, H * 128]   rows of out_stride elements (a multiple of 8), 16-byte aligned
//   bf16 or f16 in and out; scores, softmax and accumulation in FP32, probabilities rounded to the type of v
//   scale >= 0, given as scale * log2(e)
//
// Work comes as a list, because only the host knows the lengths: a WorkItem is a tile of queries of one head and a
// range of blocks of keys. Block b of the grid takes items[first_item[b]] to items[first_item[b + 1] - 1] (in clusters,
// cluster b, whose blocks divide the tile's queries among them). A tile
// whose keys are divided among several items (so that all SMs finish together) has a slot of the workspace for each;
// the warp that finishes last combines them in their order, so that results do not depend on timing.
//
//   grid   as many blocks as there are lists, at most one per SM
//   block  128 (producer) + 128 per consumer warpgroup
//   shared shared_bytes (dynamic): query tile, rings of key and value tiles, barriers
//   registers 24 or 32 producer, 240 (two consumer warpgroups) or 160 (three)
//   workspace  slot s: [consumers][16][128] float4 of unnormalised output, then [consumers][128] float4 of maxima and
//              sums; counters: one int per warp of a divided tile, zero before and after

#include "ptx_hopper.cuh"

// The shape of the tile; other values than the product's are for measurements.
#ifndef ATTENTION_CONSUMERS
#define ATTENTION_CONSUMERS 2
#endif
#ifndef ATTENTION_KEY_ROWS
#define ATTENTION_KEY_ROWS 128
#endif
#ifndef ATTENTION_STAGES
#define ATTENTION_STAGES 2
#endif
// Blocks that share their loads of keys and values.
#ifndef ATTENTION_CLUSTER
#define ATTENTION_CLUSTER 1
#endif
// Whether a warpgroup multiplies its next scores while its softmax is under way.
#ifndef ATTENTION_OVERLAP
#define ATTENTION_OVERLAP 1
#endif
// Whether the warpgroups' products take turns.
#ifndef ATTENTION_TURNS
#define ATTENTION_TURNS 1
#endif
// Whether the queries are kept in registers.
#ifndef ATTENTION_QUERY_REGISTERS
#define ATTENTION_QUERY_REGISTERS 0
#endif
// The output is rescaled only when a maximum grows by more than this power of two; 0: at each block.
#ifndef ATTENTION_RESCALE_THRESHOLD
#define ATTENTION_RESCALE_THRESHOLD 8
#endif

using namespace hopper;

namespace {

constexpr int WARPGROUP = 128;
constexpr int WARPS_PER_WARPGROUP = WARPGROUP / WARP;
constexpr int HEAD = 128;
constexpr int CONSUMERS = ATTENTION_CONSUMERS;
constexpr int ROWS_PER_CONSUMER = 64;
constexpr int QUERY_ROWS = CONSUMERS * ROWS_PER_CONSUMER;
constexpr int CLUSTER = ATTENTION_CLUSTER;
constexpr int KEY_ROWS = ATTENTION_KEY_ROWS;
constexpr int STAGES = ATTENTION_STAGES;
constexpr bool OVERLAP = ATTENTION_OVERLAP != 0;
constexpr bool QUERY_REGISTERS = ATTENTION_QUERY_REGISTERS != 0;
constexpr bool TURNS = ATTENTION_TURNS != 0;
constexpr float RESCALE_THRESHOLD = ATTENTION_RESCALE_THRESHOLD;
constexpr int THREADS = WARPGROUP * (1 + CONSUMERS);
constexpr int PRODUCER_REGISTERS = CONSUMERS == 3 ? 32 : CLUSTER == 1 ? 24 : 40;
constexpr int CONSUMER_REGISTERS = CONSUMERS == 3 ? 160 : CLUSTER == 1 ? 240 : 232;

constexpr int PANEL = 64;  // elements of a swizzled row of 128 bytes
constexpr int ELEMENT_BYTES = 2;
constexpr int K_STEP = 16;  // of one wgmma
constexpr int QUERY_BYTES = QUERY_ROWS * HEAD * ELEMENT_BYTES;
constexpr int TILE_BYTES = KEY_ROWS * HEAD * ELEMENT_BYTES;
constexpr int QUERY_PANEL_BYTES = QUERY_ROWS * PANEL * ELEMENT_BYTES;
constexpr int TILE_PANEL_BYTES = KEY_ROWS * PANEL * ELEMENT_BYTES;

constexpr int SCORES = KEY_ROWS / 2;         // per thread of a 64 x KEY_ROWS product
constexpr int OUTPUTS = HEAD / 2;            // per thread of a 64 x HEAD product
constexpr int PROBABILITIES = KEY_ROWS / 4;  // pairs per thread
constexpr int QUERIES = HEAD / 4;            // pairs per thread

#define MINUS_INFINITY __int_as_float(static_cast<int>(0xFF800000))
constexpr int TURN_BARRIER = 1;  // hardware barriers TURN_BARRIER + consumer

struct WorkItem {
    int query_row;      // of the tile's first query in q and out
    int query_rows;     // valid queries, 1 .. QUERY_ROWS
    int head;
    int key_head;
    int key_row;        // of the sequence's first key in k and v
    int key_length;     // keys of the sequence
    int first_block;    // blocks of KEY_ROWS keys first_block .. end_block - 1
    int end_block;
    int masked_block;   // blocks from this one on hold keys that some query does not see
    int diagonal;       // query i of the tile sees keys up to i + diagonal of its sequence
    int slot;           // of the workspace, or -1: the only item of its tile
    int first_slot;     // slots first_slot .. first_slot + slots - 1 make up the tile
    int slots;
    int counter;        // the tile's first counter
    int padding[2];
};
constexpr int WORK_ITEM_VECTORS = sizeof(WorkItem) / sizeof(int4);

struct alignas(1024) Shared {
    uint8_t query[QUERY_BYTES];
    uint8_t key[STAGES][TILE_BYTES];
    uint8_t value[STAGES][TILE_BYTES];
    WorkItem item[2];
    uint64_t query_full, query_empty;
    uint64_t key_full[STAGES], key_empty[STAGES];
    uint64_t value_full[STAGES], value_empty[STAGES];
};

/** A position in a ring of stages and the parity of its current round. */
struct Ring {
    uint32_t stage = 0;
    uint32_t parity = 0;

    __device__ __forceinline__ void advance() {
        stage++;
        if (stage == STAGES) {
            stage = 0;
            parity ^= 1;
        }
    }
};

/** What a thread keeps of the online softmax of its two rows (https://arxiv.org/abs/2112.05682). */
struct Softmax {
    float maximum[2];  // of the raw scores, as far as the output is scaled by it
    float sum[2];      // of this thread's probabilities
    float correction[2];
    bool grown;
};

// ---- the producer --------------------------------------------------------------------------------------------------

/**
 * Loads one block of keys or values into the next stage as soon as the consumers have left it; in a cluster, the panel
 * of this block's rank for all.
 */
__device__ __forceinline__ void load_tile(uint8_t* tiles, uint64_t* full, uint64_t* empty,
                                          Ring& ring, const TensorMap& map, const int row, const int head) {
    const uint32_t barrier = shared_address(&full[ring.stage]);
    const uint32_t tile = shared_address(tiles) + ring.stage * TILE_BYTES;
    barrier_wait(shared_address(&empty[ring.stage]), ring.parity ^ 1);
    barrier_arrive_expect(barrier, TILE_BYTES);
    if constexpr (CLUSTER == 1) {
        load_box(tile, map, barrier, 0, row, 0, head);
    } else {
        const int panel = blockIdx.x % CLUSTER;
        load_box_multicast(tile + panel * TILE_PANEL_BYTES, map, barrier, 0, row, panel, head, (1 << CLUSTER) - 1);
    }
    ring.advance();
}

/** One thread: for each item the query tile, and keys and values from the last block to the first. */
__device__ __forceinline__ void produce(Shared& shared, const TensorMap& query_map, const TensorMap& key_map,
                                        const TensorMap& value_map, const WorkItem* item, const int items) {
    prefetch_tensor_map(query_map);
    prefetch_tensor_map(key_map);
    prefetch_tensor_map(value_map);
    const uint32_t query_full = shared_address(&shared.query_full);
    const uint32_t query_empty = shared_address(&shared.query_empty);
    Ring keys, values;
    for (int count = 0; count < items; count++, item++) {
        const int head = item->key_head;
        const int first_row = item->key_row + item->first_block * KEY_ROWS;
        int row = item->key_row + (item->end_block - 1) * KEY_ROWS;
        const bool any = row >= first_row;
        if (any) {
            load_tile(shared.key[0], shared.key_full, shared.key_empty, keys, key_map, row, head);
        }
        barrier_wait(query_empty, count & 1 ^ 1);
        for (int i = 0; i < WORK_ITEM_VECTORS; i++) {
            reinterpret_cast<int4*>(&shared.item[count & 1])[i] = reinterpret_cast<const int4*>(item)[i];
        }
        barrier_arrive_expect(query_full, QUERY_BYTES);
        load_box(shared_address(shared.query), query_map, query_full, 0,
                 item->query_row + static_cast<int>(blockIdx.x) % CLUSTER * QUERY_ROWS, 0, item->head);
        for (; row > first_row; row -= KEY_ROWS) {
            load_tile(shared.key[0], shared.key_full, shared.key_empty, keys, key_map, row - KEY_ROWS, head);
            load_tile(shared.value[0], shared.value_full, shared.value_empty, values, value_map, row, head);
        }
        if (any) {
            load_tile(shared.value[0], shared.value_full, shared.value_empty, values, value_map, row, head);
        }
    }
}

// ---- the consumers -------------------------------------------------------------------------------------------------

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

// ---- the end of an item --------------------------------------------------------------------------------------------

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

template <class Element>
__device__ __forceinline__ void consume(Shared& shared, const uint32_t index, const int items, uint8_t* out,
                                        const int64_t out_row_bytes, const float scale_log2,
                                        const Workspace workspace, int* counters) {
    const uint32_t query_full = shared_address(&shared.query_full);
    const uint32_t lane = threadIdx.x % WARP;
    const uint32_t part = blockIdx.x % CLUSTER * CONSUMERS + index;
    const int row = part * ROWS_PER_CONSUMER + threadIdx.x / WARP % WARPS_PER_WARPGROUP * 16 + lane / 4;
    Consumer consumer = {shared, index, row,
                         {shared_address(shared.query) + index * ROWS_PER_CONSUMER * PANEL * ELEMENT_BYTES},
                         scale_log2};
    if (TURNS && index == CONSUMERS - 1) {
        consumer.pass_turn();  // the first turn is consumer 0's
    }
    for (int count = 0; count < items; count++) {
        float output[OUTPUTS];
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) {
            output[i] = 0;
        }
        consumer.softmax = {{MINUS_INFINITY, MINUS_INFINITY}, {0, 0}, {1, 1}, false};
        barrier_wait(query_full, count & 1);
        const WorkItem& item = shared.item[count & 1];
        if constexpr (QUERY_REGISTERS) {
            consumer.queries.load();
            __syncwarp();
            consumer.release_query();
        }
        if (item.first_block < item.end_block) {
            attend<Element>(consumer, output, item);
        } else if (!QUERY_REGISTERS) {
            consumer.release_query();
        }
        float sums[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            sums[half] = consumer.softmax.sum[half];
            sums[half] += __shfl_xor_sync(ALL_LANES, sums[half], 1);
            sums[half] += __shfl_xor_sync(ALL_LANES, sums[half], 2);
        }
        if (item.slot < 0 || combine(workspace, item, counters, part, output, sums, consumer.softmax.maximum,
                                     scale_log2)) {
            store_rows<Element>(output, sums,
                                out + item.query_row * out_row_bytes + item.head * (HEAD * ELEMENT_BYTES),
                                out_row_bytes, row, item.query_rows);
        }
    }
    if (TURNS && index == 0) {
        consumer.await_turn();  // no barrier is left half full
    }
}

template <class Element>
__device__ __forceinline__ void attention(const TensorMap& query_map, const TensorMap& key_map,
                                          const TensorMap& value_map, uint8_t* out, const int64_t out_stride,
                                          const float scale_log2, const WorkItem* items, const int* first_item,
                                          float4* workspace, int* counters) {
    extern __shared__ __align__(1024) uint8_t dynamic[];
    Shared& shared = *reinterpret_cast<Shared*>(dynamic);
    const uint32_t warpgroup = __shfl_sync(ALL_LANES, threadIdx.x / WARPGROUP, 0);
    if (threadIdx.x == 0) {
        barrier_initialise(shared_address(&shared.query_full), 1);
        barrier_initialise(shared_address(&shared.query_empty), CONSUMERS * WARPS_PER_WARPGROUP);
        for (int stage = 0; stage < STAGES; stage++) {
            barrier_initialise(shared_address(&shared.key_full[stage]), 1);
            barrier_initialise(shared_address(&shared.value_full[stage]), 1);
            barrier_initialise(shared_address(&shared.key_empty[stage]), CLUSTER * CONSUMERS * WARPS_PER_WARPGROUP);
            barrier_initialise(shared_address(&shared.value_empty[stage]), CLUSTER * CONSUMERS * WARPS_PER_WARPGROUP);
        }
        fence_barrier_initialisation();
    }
    if constexpr (CLUSTER > 1) {
        cluster_sync();
    } else {
        __syncthreads();
    }
    const int first = first_item[blockIdx.x / CLUSTER];
    const int end = first_item[blockIdx.x / CLUSTER + 1];
    if (warpgroup == 0) {
        registers_release<PRODUCER_REGISTERS>();
        if (threadIdx.x == 0) {
            produce(shared, query_map, key_map, value_map, items + first, end - first);
        }
    } else {
        registers_acquire<CONSUMER_REGISTERS>();
        consume<Element>(shared, warpgroup - 1, end - first, out, out_stride * ELEMENT_BYTES, scale_log2,
                         Workspace{workspace}, counters);
    }
    if constexpr (CLUSTER > 1) {
        __syncwarp();
        cluster_sync();  // no block leaves while another may still signal it
    }
}

}  // namespace

#if ATTENTION_CLUSTER > 1
#define CLUSTER_ATTRIBUTE __cluster_dims__(ATTENTION_CLUSTER, 1, 1)
#else
#define CLUSTER_ATTRIBUTE
#endif

#define ATTENTION(name, Element)                                                                                      \
    extern "C" __global__ void __launch_bounds__(THREADS, 1) CLUSTER_ATTRIBUTE                                        \
        name(const __grid_constant__ TensorMap query_map, const __grid_constant__ TensorMap key_map,                  \
             const __grid_constant__ TensorMap value_map, uint8_t* out, const int64_t out_stride,             \
             const float scale_log2, const WorkItem* items, const int* first_item, float4* workspace,                 \
             int* counters) {                                                                                         \
        attention<Element>(query_map, key_map, value_map, out, out_stride, scale_log2, items, first_item, workspace,  \
                           counters);                                                                                 \
    }

ATTENTION(attention_hopper_bf16, bf16)
ATTENTION(attention_hopper_f16, f16)
