package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.benchmark.LaunchArgument.buffer;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i64;
import static io.qwenimage.kernels.benchmark.LaunchArgument.integers;
import static io.qwenimage.kernels.benchmark.LaunchArgument.nothing;
import static io.qwenimage.kernels.benchmark.LaunchArgument.tensorMap;

import io.qwenimage.kernels.HopperSchedule;
import io.qwenimage.kernels.benchmark.CountedAttention.Work;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** The kernels of attention, at the shapes of a picture of 1024 x 1024 and of a language model of 7B. */
final class CountedAttentions {
    private static final int HEAD = 128;
    private static final float SCALE = (float) (1 / Math.sqrt(HEAD) / Math.log(2));
    private static final double USUAL = 1.1;
    /** By how many tiles of keys the shorter launch is shorter. */
    private static final int FEWER = 8;

    private CountedAttentions() {
    }

    static List<CountedAttention> all() {
        final List<CountedAttention> result = new ArrayList<>();
        result.add(hopper(4296, 24, 24, false, "4096 + 200 tokens, 24 heads of 128"));
        result.add(hopper(4096, 28, 4, true, "causal, 4096 tokens, 28 heads on 4"));
        result.add(dense("attention_128_bf16", 4296, 24, 24, false, 128, 81928,
                "4096 + 200 tokens, 24 heads of 128"));
        result.add(dense("attention_128_short_bf16", 4296, 24, 24, false, 64, 49160,
                "4096 + 200 tokens, 24 heads of 128"));
        result.add(dense("attention_128_bf16", 4096, 28, 4, true, 128, 81928, "causal, 4096 tokens, 28 heads on 4"));
        result.add(windows());
        result.add(decode());
        result.add(general());
        return result;
    }

    private static CountedAttention hopper(final int length, final int heads, final int keyHeads,
            final boolean causal, final String shape) {
        final int tile = HopperSchedule.QUERY_TILE;
        // The costs of a list are in blocks of keys; the counted item has as many as fit its keys, and one more.
        final double longest = new HopperSchedule(length, length, heads, keyHeads, causal, HopperModel.MULTIPROCESSORS)
                .longest();
        final double item = Math.ceilDiv(length, HopperSchedule.KEY_TILE) + 1;
        final double seen = causal ? 0.5 : 1;
        final double bytes = 2.0 * HEAD * (2 * tile + 2 * length);
        return new CountedAttention(shape, hopperItem(length), new long[] {0},
                hopperItem(length - FEWER * HopperSchedule.KEY_TILE), new Work(
                4.0 * length * length * HEAD * heads * seen, 4.0 * length * HEAD * (heads + keyHeads), bytes, USUAL,
                longest / item, 1, HopperModel.WGMMA_A_CYCLE));
    }

    /** One tile of queries of one head and all keys. */
    private static CountedLaunch hopperItem(final int keys) {
        final int queries = HopperSchedule.QUERY_TILE;
        final HopperSchedule schedule = new HopperSchedule(queries, keys, 1, 1, false, 1);
        return new CountedLaunch("attention_hopper", "attention_hopper_bf16", new int[] {1, 1, 1},
                HopperSchedule.THREADS, HopperSchedule.SHARED_BYTES, List.of(map(queries, queries),
                map(keys, HopperSchedule.KEY_TILE), map(keys, HopperSchedule.KEY_TILE), buffer(2L * queries * HEAD),
                i64(HEAD), f32(SCALE), integers(schedule.items()), integers(schedule.firstItems()), buffer(16),
                buffer(4)));
    }

    private static LaunchArgument map(final int rows, final int box) {
        return tensorMap(new long[] {HEAD / 2, rows, 2, 1}, new long[] {2 * HEAD, HEAD, 2L * HEAD * rows},
                new int[] {HEAD / 2, box, 2, 1});
    }

    private static CountedAttention dense(final String entry, final int length, final int heads, final int keyHeads,
            final boolean causal, final int rows, final int shared, final String shape) {
        final int tiles = Math.ceilDiv(length, rows);
        final int resident = rows == 128 ? 2 : 3;
        // Of causal attention four tiles from last to first, whose mean is that of all.
        final long[] blocks = causal ? IntStream.range(0, 4).mapToLong(i -> tiles * (2 * i + 1) / 8).toArray()
                : new long[] {0};
        final double seen = causal ? IntStream.range(0, 4).map(i -> (tiles - (int) blocks[i]) * rows).average()
                .orElseThrow() : length;
        final double turns = Math.ceil((double) tiles * heads / HopperModel.MULTIPROCESSORS);
        return new CountedAttention(shape, tensorCores(entry, length, length, heads, keyHeads, 1, causal, rows, shared),
                blocks, tensorCores(entry, length, length - FEWER * 64, heads, keyHeads, 1, causal, rows, shared),
                new Work(4.0 * length * length * HEAD * heads * (causal ? 0.5 : 1),
                4.0 * length * HEAD * (heads + keyHeads), 2.0 * HEAD * (2 * rows + 2 * seen), USUAL, turns,
                Math.ceil(turns / resident), HopperModel.MMA_A_CYCLE));
    }

    private static CountedLaunch tensorCores(final String entry, final int queries, final int keys, final int heads,
            final int keyHeads, final int sequences, final boolean causal, final int rows, final int shared) {
        return new CountedLaunch("attention", entry, new int[] {Math.ceilDiv(queries, rows), heads, sequences}, 128,
                shared, List.of(buffer(2L * queries * heads * HEAD), buffer(2L * keys * keyHeads * HEAD),
                buffer(2L * keys * keyHeads * HEAD), buffer(2L * queries * heads * HEAD), nothing(), nothing(),
                i32(queries), i32(keys), i32(heads / keyHeads), i32(HEAD), i32(heads * HEAD), i32(HEAD),
                i32(keyHeads * HEAD), i32(HEAD), i32(keyHeads * HEAD), i32(HEAD), i32(heads * HEAD), f32(SCALE),
                i32(causal ? 1 : 0)));
    }

    /** A window has one tile of keys, so the loop is what an empty one lacks. */
    private static CountedAttention windows() {
        final int heads = 16;
        final int width = 80;
        final double turns = Math.ceil(64.0 * heads / HopperModel.MULTIPROCESSORS);
        return new CountedAttention("64 windows of 64 tokens, 16 heads of 80", window(64), new long[] {0}, window(0),
                new Work(4.0 * 64 * 64 * 64 * width * heads, 4.0 * 2 * 4096 * width * heads, 4.0 * 2 * 64 * width,
                USUAL, turns, Math.ceil(turns / 3), HopperModel.MMA_A_CYCLE));
    }

    private static CountedLaunch window(final int keys) {
        final int heads = 16;
        final int row = heads * 80;
        final long bytes = 2L * 4096 * row;
        final int[] queryOffsets = IntStream.rangeClosed(0, 64).map(i -> 64 * i).toArray();
        final int[] keyOffsets = IntStream.rangeClosed(0, 64).map(i -> keys * i).toArray();
        return new CountedLaunch("attention", "attention_80_short_bf16", new int[] {1, heads, 64}, 128, 33800,
                List.of(buffer(bytes), buffer(bytes), buffer(bytes), buffer(bytes), integers(queryOffsets),
                integers(keyOffsets), i32(4096), i32(4096), i32(1), i32(80), i32(row), i32(80), i32(row), i32(80),
                i32(row), i32(80), i32(row), f32(SCALE), i32(0)));
    }

    private static CountedAttention decode() {
        final int keys = 4096;
        final int splits = 33;
        final double memory = 2.0 * 2 * keys * 4 * HEAD + 2.0 * 2 * 28 * HEAD;
        final double part = 4.0 * 7 * (HEAD + 2);
        // A block reads its part of a head's keys and values, and the queries; it leaves its part of the output.
        return new CountedAttention("a token over 4096 of a cache, 28 heads on 4", decode(keys, splits),
                new long[] {1, 40, 80}, decode(keys - splits * 64, splits), new Work(4.0 * keys * HEAD * 28, memory,
                2.0 * 2 * HEAD * 128 + 2.0 * 7 * HEAD + part, USUAL, 1, 2, HopperModel.MMA_A_CYCLE));
    }

    private static CountedLaunch decode(final int keys, final int splits) {
        final long cache = 2L * 4096 * 4 * HEAD;
        return new CountedLaunch("attention_decode", "attention_decode_128_bf16", new int[] {splits, 4, 1}, 128, 98304,
                List.of(buffer(2 * 28 * HEAD), buffer(cache), buffer(cache), buffer(2 * 28 * HEAD), nothing(),
                i32(keys), i32(7), i32(HEAD), i32(HEAD), i32(4 * HEAD), i32(HEAD), i32(4 * HEAD), i32(HEAD),
                f32(SCALE), buffer(4L * splits * 4 * 16 * (HEAD + 8)), buffer(4 * 4)));
    }

    private static CountedAttention general() {
        final int length = 512;
        final int heads = 16;
        final double turns = Math.ceil(16.0 * heads / HopperModel.MULTIPROCESSORS);
        return new CountedAttention("F32, 512 tokens, 16 heads of 80", general(length), new long[] {0},
                general(length - FEWER * 32), new Work(4.0 * length * length * 80 * heads,
                        4.0 * 4 * length * 80 * heads,
                4.0 * 80 * (2 * 32 + 2 * length), USUAL, turns, Math.ceil(turns / 2), 0));
    }

    private static CountedLaunch general(final int keys) {
        final int row = 16 * 80;
        final long bytes = 4L * 512 * row;
        return new CountedLaunch("attention_general", "attention_general_128_f32", new int[] {16, 16, 1}, 128, 37376,
                List.of(buffer(bytes), buffer(bytes), buffer(bytes), buffer(bytes), nothing(), nothing(), i32(512),
                i32(keys), i32(1), i32(80), i32(row), i32(80), i32(1), i32(row), i32(80), i32(1), i32(row), i32(80),
                i32(1), i32(row), f32(SCALE), i32(0)));
    }
}
