// The producer of attention_hopper.cu: one thread feeds the rings of tiles.
#pragma once

#include "attention_hopper_tile.cuh"

namespace {

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

}  // namespace
