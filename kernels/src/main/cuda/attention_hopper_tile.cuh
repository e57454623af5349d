// The shape of the tile of attention_hopper.cu, what of it lies in shared memory, and the work that comes as a list.
#pragma once

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

}  // namespace
