package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.benchmark.LaunchArgument.buffer;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i64;
import static io.qwenimage.kernels.benchmark.LaunchArgument.nothing;

import java.util.ArrayList;
import java.util.List;

/**
 * The kernels that move memory, at the shapes of a picture of 1024 x 1024 (4096 + 200 tokens of 3072,
         24 heads of 128),
 * of its decoding, and of a token of a language model of 7B; launched as the product launches them on 132
 * multiprocessors.
 */
final class CountedKernels {
    private static final int TOKENS = 4296;
    private static final int WIDTH = 3072;
    private static final int ROWS = 12;
    private static final int ROW = 2 * WIDTH;
    private static final double USUAL = 1.1;
    private CountedKernels() {
    }

    static List<CountedKernel> all() {
        final List<CountedKernel> result = new ArrayList<>(norms());
        result.addAll(elements());
        result.addAll(ofThePicture());
        result.addAll(ofTheLanguageModel());
        return result;
    }

    /** Earlier steps of the ladders, as far as they were kept. */
    static List<CountedKernel> ladder() {
        final long all = (long) TOKENS * ROW;
        final long pixels = 512 * 512;
        final LaunchArgument[] norm = {buffer(all), buffer(ROW), buffer(ROW), buffer(all), i32(WIDTH),
            f32(1e-6f)};
        final LaunchArgument[] product = {buffer(7168), buffer(18944L * 7168), buffer(2 * 18944), i32(3584),
            i32(18944)};
        return List.of(
                new CountedKernel(CountedLaunch.of("norm_v1", "ada_layer_norm_bf16", TOKENS, 1, 256, norm),
                        "[4296, 3072]", 2.0 * ROW, USUAL, 3),
                new CountedKernel(CountedLaunch.of("norm_v2", "ada_layer_norm_bf16", TOKENS, 1, 96, norm),
                        "[4296, 3072]", 2.0 * ROW, USUAL, 2),
                new CountedKernel(CountedLaunch.of("rope_v1", "qk_norm_rope_bf16", TOKENS * 6, 1, 128, buffer(all),
                        buffer(256), buffer(TOKENS * 256L), buffer(TOKENS * 256L), buffer(all), i32(TOKENS), i32(24),
                        i32(128), f32(1e-6f)), "[4296, 24, 128]", 4 * (512 + 512 / 24.0), USUAL, 2),
                new CountedKernel(CountedLaunch.of("channelnorm_v1", "channel_norm_bf16", 1 << 16, 1, 128,
                        buffer(192 * pixels), buffer(192), buffer(192 * pixels), i64(pixels), i32(96)),
                        "[512, 512, 96] with SiLU", 4 * 384, USUAL, 2),
                new CountedKernel(CountedLaunch.of("matvec_v1", "matrix_vector1_bf16", 4736, 1, 128, product),
                        "[1, 3584] by [18944, 3584]", 4 * 7168 + 8, USUAL, 1 + 3584 / 32),
                new CountedKernel(CountedLaunch.of("matvec_v2", "matrix_vector1_bf16", 4736, 1, 128, product),
                        "[1, 3584] by [18944, 3584]", 4 * 7168 + 8, USUAL, 1 + 3584 / 256));
    }

    private static List<CountedKernel> norms() {
        final long all = (long) TOKENS * ROW;
        final int[] grid = {TOKENS / ROWS, 1};
        final String shape = "[4296, 3072], a block of the denoiser";
        return List.of(
                new CountedKernel(CountedLaunch.of("norm", "ada_layer_norm_bf16", grid[0], grid[1], 96, buffer(all),
                        buffer(ROW), buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS),
                        f32(1e-6f)), shape, 2.0 * ROWS * ROW, USUAL, 1 + ROWS),
                new CountedKernel(CountedLaunch.of("norm", "gated_add_ada_layer_norm_bf16", grid[0], grid[1], 96,
                        buffer(all), buffer(all), buffer(ROW), buffer(ROW), buffer(ROW), buffer(all), buffer(all),
                        i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS), f32(1e-6f)), shape, 4.0 * ROWS * ROW, USUAL,
                        1 + ROWS),
                new CountedKernel(CountedLaunch.of("norm", "gated_add_bf16", grid[0], grid[1], 96, buffer(all),
                        buffer(all), buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS)), shape,
                        3.0 * ROWS * ROW, USUAL, 1 + ROWS),
                new CountedKernel(CountedLaunch.of("norm", "rms_norm_bf16", grid[0], grid[1], 96, buffer(all),
                        buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(ROWS), f32(1e-6f)), shape,
                        2.0 * ROWS * ROW, USUAL, 1 + ROWS),
                new CountedKernel(CountedLaunch.of("rope", "qk_norm_rope_bf16", TOKENS / 4, 1, 128, buffer(3 * all),
                        buffer(256), buffer(TOKENS * 256L), buffer(TOKENS * 256L), buffer(all), i32(TOKENS), i32(24),
                        i32(128), i64(3L * WIDTH), i64(WIDTH), i32(24), i32(0), f32(1e-6f)),
                        "[4296, 24, 128], queries out of a fused projection", 4 * (2.0 * ROW + 512), USUAL, 1 + 24 / 4));
    }

    private static List<CountedKernel> elements() {
        final int count = 1024 * 12288;
        final int[] grid = {count / 2048, 1};
        return List.of(
                new CountedKernel(CountedLaunch.of("pointwise", "gelu_tanh_bf16", grid[0], grid[1], 256,
                        buffer(2L * count), buffer(2L * count), i64(count)),
                        "[1024, 12288], a quarter of the feed-forward", 2 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "add_bf16", grid[0], grid[1], 256, buffer(2L * count),
                        buffer(2L * count), buffer(2L * count), i64(count)), "[1024, 12288]", 3 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "swiglu_bf16", 9, 256, 256, buffer(256L * 4 * 18944),
                        buffer(256L * 4 * 18944), buffer(256L * 2 * 18944), i32(256), i32(18944), i64(2L * 18944),
                        i64(2L * 18944)), "[256, 18944] out of a fused projection", 3 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "cast_f8_e4m3_bf16", grid[0], grid[1], 256,
                        buffer(count), buffer(2L * count), i64(count)), "[1024, 12288], stored weights", 3 * 2048,
                        USUAL, 1));
    }

    private static List<CountedKernel> ofThePicture() {
        final int pixels = 1024 * 1024 / 4;
        return List.of(
                new CountedKernel(CountedLaunch.of("latents", "guidance_step_bf16", 512, 1, 128, buffer(1 << 20),
                        buffer(1 << 19), buffer(1 << 19), buffer(1 << 20), i32(4096), i32(64), i32(16), f32(4),
                        buffer(4)), "[4096, 64], a step with guidance", 8 * 64 * 12, USUAL, 1),
                new CountedKernel(CountedLaunch.of("latents", "unpack_latents_bf16", 256, 1, 256, buffer(1 << 20),
                        buffer(64), buffer(64), buffer(1 << 19), i32(16), i32(128), i32(128)),
                        "[4096, 64] to [128, 128, 16]", 256 * (16 + 8), 1.5, 1),
                new CountedKernel(CountedLaunch.of("latents", "pixels_bf16", 3072, 1, 256, buffer(6 << 20),
                        buffer(3 << 20), i64(3 << 20)), "[1024, 1024, 3]", 1024 * 3, USUAL, 1),
                new CountedKernel(CountedLaunch.of("channelnorm", "channel_norm_bf16", pixels / 224, 1, 128,
                        buffer(192L * pixels), buffer(192), buffer(192L * pixels), i64(pixels), i32(96), i32(4),
                        i32(7), i32(1)), "[512, 512, 96] with SiLU, the decoder", 224 * 2 * 192, USUAL, 7),
                new CountedKernel(CountedLaunch.of("rows", "upsample_nearest", 48, 256, 128, buffer(384L << 16),
                        buffer(384L << 18), i32(256), i32(256), i32(384)), "[256, 256, 192] of BF16, the decoder",
                        5 * 2048, USUAL, 1));
    }

    private static List<CountedKernel> ofTheLanguageModel() {
        return List.of(
                new CountedKernel(CountedLaunch.of("matvec", "matrix_vector1_bf16", 4736, 1, 128, buffer(7168),
                        buffer(18944L * 7168), nothing(), nothing(), buffer(2 * 18944), i32(1), i32(3584), i32(18944),
                        i64(3584), i32(0)), "[1, 3584] by [18944, 3584], a token", 4 * 7168 + 8, 1.3, 1 + 3584 / 1024),
                new CountedKernel(CountedLaunch.of("rows", "copy_rows", 3, 4096, 128, buffer(4096L * 18432),
                        buffer(4096L * ROW), i32(4096), i64(ROW), i64(18432), i64(ROW)),
                        "[4096, 3072] of BF16 out of [4096, 9216]", 2 * 2048, USUAL, 1),
                new CountedKernel(CountedLaunch.of("rows", "gather_rows", 4, 1024, 128, buffer(64L * 7168),
                        buffer(4096), buffer(1024L * 7168), i32(1024), i32(64), i64(7168), i64(7168), i64(7168)),
                        "[1024, 3584] of BF16, embedding", 2 * 2048, USUAL, 2));
    }
}
