package io.qwenimage.kernels;

import static io.qwenimage.kernels.driver.ElementType.BF16;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Faults in attention on any device: a mask, a lane, a barrier, a wait, a scale, a maximum, a part of a sum. */
final class AttentionMutations {
    private static final String TILES = "attention_tiles.cuh";
    private static final String SOFTMAX = "attention_softmax.cuh";
    private static final String PRODUCTS = "attention_products.cuh";
    private static final String DECODE = "attention_decode";
    private static final String GENERAL = "attention_general";

    private AttentionMutations() {
    }

    static List<Mutation> all() {
        final List<Mutation> result = new ArrayList<>(onTensorCores());
        result.addAll(decoding());
        result.addAll(general());
        return result;
    }

    private static List<Mutation> onTensorCores() {
        final Consumer<KernelDevice> ragged = exact(AttentionCase.of(BF16, 1, 1, 128, 113, 203));
        final Consumer<KernelDevice> grouped = exact(AttentionCase.of(BF16, 6, 2, 128, 70, 70).causal());
        final Consumer<KernelDevice> windows = exact(new AttentionCase(BF16, 2, 2, 80, new int[] {64, 16, 1},
                new int[] {64, 16, 1}));
        final Consumer<KernelDevice> large = exact(AttentionCase.of(BF16, 1, 1, 128, 40, 200).magnitude(8));
        return List.of(
                attention(SOFTMAX, "8 * n + e >= end", "8 * n + e > end", ragged),
                attention(SOFTMAX, "(before - largest) * scale", "before - largest", large),
                attention(SOFTMAX, "            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 2));\n",
                        "",
                        large),
                attention(SOFTMAX, "            state.sum[i][half] *= factor;\n", "", large),
                attention(SOFTMAX, "accumulator[i][n][2 * half + 1] *= factor;", "", large),
                attention(TILES, "lane >> 3 & 1", "lane >> 4 & 1", ragged),
                attention(TILES, "min(start + row, last)", "start + row", ragged),
                attention(TILES, "bytes(chunk * 8 < width", "bytes(chunk * 8 <= width",
                        exact(new AttentionCase(BF16, 1, 1, 72, new int[] {36, 64}, new int[] {36, 64}))),
                attention(TILES, "column_block % 4 * 32", "column_block % 4 * 16", ragged),
                attention(PRODUCTS, "            sum += __shfl_xor_sync(ALL_LANES, sum, 2);\n", "", ragged),
                attention(PRODUCTS, "row < rows && chunk < chunks", "chunk < chunks", ragged),
                attention(PRODUCTS, "scores[i][2 * step + part / 2]", "scores[i][2 * step + part % 2]", ragged),
                kernel("            copy_async_wait<1>();\n            __syncthreads();\n"
                        + "            if (tiles_left > 0) {\n"
                        + "                k_source",
                        "            copy_async_wait<1>();\n            if (tiles_left > 0) {\n"
                        + "                k_source", ragged),
                kernel("            copy_async_wait<1>();\n            __syncthreads();\n"
                        + "            if (tiles_left > 0) {\n"
                        + "                v_source",
                        "            copy_async_wait<2>();\n            __syncthreads();\n"
                        + "            if (tiles_left > 0) {\n                v_source", ragged),
                kernel("causal ? warp_row + key_count - query_count + 1 :",
                        "causal ? warp_row + key_count - query_count :",
                        grouped),
                kernel("key_start * (2ll * v_row) + head / group *", "key_start * (2ll * v_row) + head % group *",
                        grouped),
                kernel("k_source += 1ull * Tile::KEYS * row_bytes_k;",
                        "k_source += 1ull * Tile::KEYS * row_bytes_v / 2;",
                        ragged),
                kernel("key_offsets[sequence + 1] - key_start", "key_offsets[sequence + 1]", windows),
                kernel("key_count - query_count + 1, key_count) : key_count;",
                        "key_count - query_count, key_count) : key_count;",
                        exact(AttentionCase.of(BF16, 1, 1, 128, 65, 65).causal())));
    }

    private static List<Mutation> decoding() {
        final Consumer<KernelDevice> split = decoded(AttentionCase.of(BF16, 7, 1, 128, 1, 300));
        final Consumer<KernelDevice> tall = decoded(AttentionCase.of(BF16, 20, 1, 64, 1, 150));
        return List.of(
                Mutation.in(DECODE, "8 * n + lane % 4 * 2 + e >= left", "8 * n + lane % 4 * 2 + e > left", split),
                Mutation.in(DECODE, "sum += factor * (GLOBAL", "sum += (GLOBAL", split),
                Mutation.in(DECODE, "atomicAdd(counters + tile, 1) == splits - 1", "atomicAdd(counters + tile, 1) == 0",
                        split),
                Mutation.in(DECODE, "copy_async_wait<STAGES - 2>();", "copy_async_wait<STAGES - 1>();",
                        decoded(AttentionCase.of(BF16, 2, 2, 128, 1, 1200))),
                Mutation.in(DECODE, "(length + chunk - 1) / chunk;", "length / chunk;", split),
                Mutation.in(DECODE, "blockIdx.y * group + blockIdx.z * ROWS", "blockIdx.y * group", tall),
                Mutation.in(DECODE, "part.sum[half] *= factor;", "", decoded(AttentionCase.of(BF16, 54, 54, 64, 1, 300)
                        .magnitude(3))));
    }

    private static List<Mutation> general() {
        final Consumer<KernelDevice> narrow = exact(AttentionCase.of(BF16, 4, 2, 12, 40, 70).causal());
        return List.of(
                Mutation.in(GENERAL, "min(warp_row + r + key_count - query_count + 1 - first_key, left)",
                        "min(warp_row + r + key_count - query_count - first_key, left)", narrow),
                Mutation.in(GENERAL, "(maximum[r] - origin) * scale", "maximum[r] - origin", narrow),
                Mutation.in(GENERAL, "row < rows && column < width", "row < rows", narrow),
                Mutation.in(GENERAL, "k_row, k_element, left, width);\n        __syncthreads();",
                        "k_row, k_element, left, width);", narrow),
                Mutation.in(GENERAL, "key_head * static_cast<long long>(v_head)",
                        "head * static_cast<long long>(v_head)",
                        narrow));
    }

    private static Mutation attention(final String header, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return Mutation.in("attention", header, text, fault, check);
    }

    private static Mutation kernel(final String text, final String fault, final Consumer<KernelDevice> check) {
        return Mutation.in("attention", text, fault, check);
    }

    private static Consumer<KernelDevice> exact(final AttentionCase attention) {
        return device -> AttentionKernelsTest.requireExact(device.own(new AttentionKernels(device.cuda())), "attention",
                attention, device);
    }

    private static Consumer<KernelDevice> decoded(final AttentionCase attention) {
        return device -> AttentionKernelsTest.requireDecoded(device.own(new AttentionKernels(device.cuda())),
                "decoding", attention, device);
    }
}
