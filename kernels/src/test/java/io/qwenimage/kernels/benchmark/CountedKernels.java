package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.benchmark.CountedKernel.Argument.buffer;
import static io.qwenimage.kernels.benchmark.CountedKernel.Argument.f32;
import static io.qwenimage.kernels.benchmark.CountedKernel.Argument.i32;
import static io.qwenimage.kernels.benchmark.CountedKernel.Argument.i64;
import static io.qwenimage.kernels.benchmark.CountedKernel.Argument.nothing;
import static io.qwenimage.kernels.benchmark.CountedKernel.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The kernels that move memory, at the shapes of a picture of 1024 x 1024 (4096 + 200 tokens of 3072, 24 heads of 128),
 * of its decoding, and of a token of a language model of 7B; launched as the product launches them on 132
 * multiprocessors.
 */
public final class CountedKernels {
    private static final int TOKENS = 4296;
    private static final int WIDTH = 3072;
    private static final int ROWS = 12;
    private static final int ROW = 2 * WIDTH;
    private static final double USUAL = 1.1;
    private static final String HEAD = "| kernel | shape | registers | spilled bytes | shared bytes | resident warps "
            + "| sectors / ideal | bank conflicts | moved | modelled us |";
    private static final String RULE = "|---|---|---|---|---|---|---|---|---|---|";

    private CountedKernels() {
    }

    /** Writes the table to the file that is given. */
    public static void main(final String... arguments) throws IOException {
        final List<String> lines = new ArrayList<>(List.of("""
                # Kernels that move memory, counted

                What the PTX machine counts in three blocks of each kernel, launched as on an H100
                (132 multiprocessors), and what the assembler says for sm_90a. Sectors are of 32
                bytes, counted a block and beside the fewest that hold as many bytes as lanes asked
                for. *Moved* is what a block moves between caches and registers against what it must
                (its own inputs once, its outputs once); above 1 stands what blocks share and find
                in a cache. Times are **modelled, not measured**: the longest of bytes / (0.92 *
                3352 GB/s), bytes * moved / 5.5 TB/s and warp instructions / (132 * 4 * 1.755 GHz),
                and 2 us for start and end of a grid. Written by
                `io.qwenimage.kernels.benchmark.CountedKernels`; `CountedKernelsTest` holds the
                bounds. What an H100 does with the same kernels is what `KernelBenchmark` prints.
                """.split("\n")));
        lines.addAll(List.of("", HEAD, RULE));
        for (final CountedKernel kernel : all()) {
            lines.add(kernel.line(kernel.count()));
        }
        lines.addAll(List.of("", "Earlier steps of the ladders (`LADDER.md`), in the same way:", "", HEAD, RULE));
        for (final CountedKernel kernel : ladder()) {
            lines.add(kernel.line(kernel.count()).replace("`" + kernel.entry(), "`" + kernel.module() + ": "
                    + kernel.entry()));
        }
        Files.write(Path.of(arguments[0]), lines);
    }

    static List<CountedKernel> all() {
        final List<CountedKernel> result = new ArrayList<>(norms());
        result.addAll(elements());
        result.addAll(ofThePicture());
        result.addAll(ofTheLanguageModel());
        return result;
    }

    /** Earlier steps of the ladders, as far as they were kept. */
    private static List<CountedKernel> ladder() {
        final long all = (long) TOKENS * ROW;
        final long pixels = 512 * 512;
        final CountedKernel.Argument[] norm = {buffer(all), buffer(ROW), buffer(ROW), buffer(all), i32(WIDTH),
            f32(1e-6f)};
        final CountedKernel.Argument[] product = {buffer(7168), buffer(18944L * 7168), buffer(2 * 18944), i32(3584),
            i32(18944)};
        return List.of(
                new CountedKernel("norm_v1", "ada_layer_norm_bf16", "[4296, 3072]", new int[] {TOKENS, 1}, 256,
                        List.of(norm), 2.0 * ROW, USUAL),
                new CountedKernel("norm_v2", "ada_layer_norm_bf16", "[4296, 3072]", new int[] {TOKENS, 1}, 96,
                        List.of(norm), 2.0 * ROW, USUAL),
                new CountedKernel("rope_v1", "qk_norm_rope_bf16", "[4296, 24, 128]", new int[] {TOKENS * 6, 1}, 128,
                        arguments(buffer(all), buffer(256), buffer(TOKENS * 256L), buffer(TOKENS * 256L), buffer(all),
                        i32(TOKENS), i32(24), i32(128), f32(1e-6f)), 4 * (512 + 512 / 24.0), USUAL),
                new CountedKernel("channelnorm_v1", "channel_norm_bf16", "[512, 512, 96] with SiLU",
                        new int[] {1 << 16, 1}, 128, arguments(buffer(192 * pixels), buffer(192), buffer(192 * pixels),
                        i64(pixels), i32(96)), 4 * 384, USUAL),
                new CountedKernel("matvec_v1", "matrix_vector1_bf16", "[1, 3584] by [18944, 3584]", new int[] {4736, 1},
                        128, List.of(product), 4 * 7168 + 8, USUAL),
                new CountedKernel("matvec_v2", "matrix_vector1_bf16", "[1, 3584] by [18944, 3584]", new int[] {4736, 1},
                        128, List.of(product), 4 * 7168 + 8, USUAL));
    }

    private static List<CountedKernel> norms() {
        final long all = (long) TOKENS * ROW;
        final int[] grid = {TOKENS / ROWS, 1};
        final String shape = "[4296, 3072], a block of the denoiser";
        return List.of(
                new CountedKernel("norm", "ada_layer_norm_bf16", shape, grid, 96, arguments(buffer(all), buffer(ROW),
                        buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS), f32(1e-6f)),
                        2.0 * ROWS * ROW, USUAL),
                new CountedKernel("norm", "gated_add_ada_layer_norm_bf16", shape, grid, 96, arguments(buffer(all),
                        buffer(all), buffer(ROW), buffer(ROW), buffer(ROW), buffer(all), buffer(all), i32(TOKENS),
                        i32(WIDTH), i64(WIDTH), i32(ROWS), f32(1e-6f)), 4.0 * ROWS * ROW, USUAL),
                new CountedKernel("norm", "gated_add_bf16", shape, grid, 96, arguments(buffer(all), buffer(all),
                        buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS)), 3.0 * ROWS * ROW,
                        USUAL),
                new CountedKernel("norm", "rms_norm_bf16", shape, grid, 96, arguments(buffer(all), buffer(ROW),
                        buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS), f32(1e-6f)), 2.0 * ROWS * ROW,
                        USUAL),
                new CountedKernel("rope", "qk_norm_rope_bf16", "[4296, 24, 128], queries out of a fused projection",
                        new int[] {TOKENS / 4, 1}, 128, arguments(buffer(3 * all), buffer(256), buffer(TOKENS * 256L),
                        buffer(TOKENS * 256L), buffer(all), i32(TOKENS), i32(24), i32(128), i64(3L * WIDTH),
                        i64(WIDTH), i32(24), i32(0), f32(1e-6f)), 4 * (2.0 * ROW + 512), USUAL));
    }

    private static List<CountedKernel> elements() {
        final int count = 1024 * 12288;
        final int[] grid = {count / 2048, 1};
        return List.of(
                new CountedKernel("pointwise", "gelu_tanh_bf16", "[1024, 12288], a quarter of the feed-forward", grid,
                        256, arguments(buffer(2L * count), buffer(2L * count), i64(count)), 2 * 4096, USUAL),
                new CountedKernel("pointwise", "add_bf16", "[1024, 12288]", grid, 256, arguments(buffer(2L * count),
                        buffer(2L * count), buffer(2L * count), i64(count)), 3 * 4096, USUAL),
                new CountedKernel("pointwise", "swiglu_bf16", "[256, 18944] out of a fused projection",
                        new int[] {9, 256}, 256, arguments(buffer(256L * 4 * 18944), buffer(256L * 4 * 18944),
                        buffer(256L * 2 * 18944), i32(256), i32(18944), i64(2L * 18944), i64(2L * 18944)), 3 * 4096,
                        USUAL),
                new CountedKernel("pointwise", "cast_f8_e4m3_bf16", "[1024, 12288], stored weights", grid, 256,
                        arguments(buffer(count), buffer(2L * count), i64(count)), 3 * 2048, USUAL));
    }

    private static List<CountedKernel> ofThePicture() {
        final int pixels = 1024 * 1024 / 4;
        return List.of(
                new CountedKernel("latents", "guidance_step_bf16", "[4096, 64], a step with guidance",
                        new int[] {512, 1}, 128, arguments(buffer(1 << 20), buffer(1 << 19), buffer(1 << 19),
                        buffer(1 << 20), i32(4096), i32(64), i32(16), f32(4), f32(-0.02f)), 8 * 64 * 12, USUAL),
                new CountedKernel("latents", "unpack_latents_bf16", "[4096, 64] to [128, 128, 16]", new int[] {256, 1},
                        256, arguments(buffer(1 << 20), buffer(64), buffer(64), buffer(1 << 19), i32(16), i32(128),
                        i32(128)), 256 * (16 + 8), 1.5),
                new CountedKernel("latents", "pixels_bf16", "[1024, 1024, 3]", new int[] {3072, 1}, 256,
                        arguments(buffer(6 << 20), buffer(3 << 20), i64(3 << 20)), 1024 * 3, USUAL),
                new CountedKernel("channelnorm", "channel_norm_bf16", "[512, 512, 96] with SiLU, the decoder",
                        new int[] {pixels / 224, 1}, 128, arguments(buffer(192L * pixels), buffer(192),
                        buffer(192L * pixels), i64(pixels), i32(96), i32(4), i32(7), i32(1)), 224 * 2 * 192, USUAL),
                new CountedKernel("rows", "upsample_nearest", "[256, 256, 192] of BF16, the decoder",
                        new int[] {48, 256}, 128, arguments(buffer(384L << 16), buffer(384L << 18), i32(256), i32(256),
                        i32(384)), 5 * 2048, USUAL));
    }

    private static List<CountedKernel> ofTheLanguageModel() {
        return List.of(
                new CountedKernel("matvec", "matrix_vector1_bf16", "[1, 3584] by [18944, 3584], a token",
                        new int[] {4736, 1}, 128, arguments(buffer(7168), buffer(18944L * 7168), nothing(), nothing(),
                        buffer(2 * 18944), i32(1), i32(3584), i32(18944), i64(3584), i32(0)), 4 * 7168 + 8, 1.3),
                new CountedKernel("rows", "copy_rows", "[4096, 3072] of BF16 out of [4096, 9216]", new int[] {3, 4096},
                        128, arguments(buffer(4096L * 18432), buffer(4096L * ROW), i32(4096), i64(ROW), i64(18432),
                        i64(ROW)), 2 * 2048, USUAL),
                new CountedKernel("rows", "gather_rows", "[1024, 3584] of BF16, embedding", new int[] {4, 1024}, 128,
                        arguments(buffer(64L * 7168), buffer(4096), buffer(1024L * 7168), i32(1024), i32(64), i64(7168),
                        i64(7168), i64(7168)), 2 * 2048, USUAL));
    }
}
