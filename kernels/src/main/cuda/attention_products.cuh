// The two products of attention.cu and what becomes of the second: the block's rows of the output.
#pragma once

#include "attention_softmax.cuh"

/** scores = queries keys^T for one tile of keys. */
template <typename T, typename Tile>
__device__ __forceinline__ void multiply_keys(Scores<Tile>& scores, const QueryFragments<Tile>& kept,
                                              const Fragments<Tile> queries, const Fragments<Tile> keys) {
    const float zero[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int c = 0; c < Tile::WIDTH / 16; ++c) {
        unsigned query[Tile::ROW_TILES][4];
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
            if (Tile::QUERIES_IN_REGISTERS) {
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    query[i][e] = kept[i][c][e];
                }
            } else {
                load_matrices(query[i], queries.at(i, c));
            }
        }
#pragma unroll
        for (int n = 0; n < Tile::KEYS / 16; ++n) {
            unsigned key[4];
            load_matrices(key, keys.at(n, c));
#pragma unroll
            for (int i = 0; i < Tile::ROW_TILES; ++i) {
                float (&left)[4] = scores[i][2 * n];
                float (&right)[4] = scores[i][2 * n + 1];
                if (c == 0) {
                    multiply_add<T>(left, query[i], key[0], key[1], zero);
                    multiply_add<T>(right, query[i], key[2], key[3], zero);
                } else {
                    multiply_add<T>(left, query[i], key[0], key[1], left);
                    multiply_add<T>(right, query[i], key[2], key[3], right);
                }
            }
        }
    }
}

/** accumulator += 2^(scores scale - shift) values, the sums likewise; one step of 16 keys after the other. */
template <typename T, typename Tile>
__device__ __forceinline__ void multiply_values(const Scores<Tile>& scores, const float (&shift)[Tile::ROW_TILES][2],
                                                RowState<Tile>& state, Accumulator<Tile>& accumulator,
                                                const float scale, const Fragments<Tile> values) {
#pragma unroll
    for (int step = 0; step < Tile::KEYS / 16; ++step) {
        unsigned probability[Tile::ROW_TILES][4];
#pragma unroll
        for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
            for (int part = 0; part < 4; ++part) {
                const int half = part % 2;
                const float (&score)[4] = scores[i][2 * step + part / 2];
                const float first = exp2_approximate(score[2 * half] * scale - shift[i][half]);
                const float second = exp2_approximate(score[2 * half + 1] * scale - shift[i][half]);
                state.sum[i][half] += first + second;
                probability[i][part] = pack2<T>(first, second);
            }
        }
#pragma unroll
        for (int c = 0; c < Tile::WIDTH / 16; ++c) {
            unsigned value[4];
            load_matrices_transposed(value, values.at(step, c));
#pragma unroll
            for (int i = 0; i < Tile::ROW_TILES; ++i) {
                multiply_add<T>(accumulator[i][2 * c], probability[i], value[0], value[1], accumulator[i][2 * c]);
                multiply_add<T>(accumulator[i][2 * c + 1], probability[i], value[2], value[3],
                                accumulator[i][2 * c + 1]);
            }
        }
    }
}

/** Divides by the sums and writes the warp's rows through shared memory, so that stores are whole rows. */
template <typename T, typename Tile>
__device__ __forceinline__ void write_rows(const Accumulator<Tile>& accumulator, const RowState<Tile>& state,
                                           const unsigned staging, T* const out, const int out_row,
                                           const int rows, const int chunks) {
    const int lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < Tile::ROW_TILES; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = state.sum[i][half];
            sum += __shfl_xor_sync(ALL_LANES, sum, 1);
            sum += __shfl_xor_sync(ALL_LANES, sum, 2);
            const float factor = sum > 0.0f ? 1.0f / sum : 0.0f;
            const int row = 16 * i + 8 * half + lane / 4;
#pragma unroll
            for (int n = 0; n < Tile::WIDTH / 8; ++n) {
                shared_store(staging + Tile::offset(row, n) + lane % 4 * 4,
                             pack2<T>(accumulator[i][n][2 * half] * factor, accumulator[i][n][2 * half + 1] * factor));
            }
        }
    }
    __syncwarp();
    constexpr int PIECES = Tile::WARP_ROWS * Tile::CHUNKS;
#pragma unroll 4
    for (int piece = lane; piece < PIECES; piece += WARP) {
        const int row = piece / Tile::CHUNKS;
        const int chunk = piece % Tile::CHUNKS;
        if (row < rows && chunk < chunks) {
            const uint4 value = shared_load_16_bytes(staging + Tile::offset(row, chunk));
            *reinterpret_cast<uint4*>(out + row * static_cast<long long>(out_row) + chunk * 8) = value;
        }
    }
}
