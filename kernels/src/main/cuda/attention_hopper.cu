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

#include "attention_hopper_consumer.cuh"
#include "attention_hopper_epilogue.cuh"
#include "attention_hopper_producer.cuh"

namespace {

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
