package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.benchmark.LaunchArgument.buffer;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f64;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i64;

import java.util.List;

/** Earlier steps of the ladders, at the shapes at which {@link CountedKernels} counts the product's. */
final class CountedLadder {
    private static final int TOKENS = 4296;
    private static final int WIDTH = 3072;
    private static final int ROW = 2 * WIDTH;
    private static final double USUAL = 1.1;

    private CountedLadder() {
    }

    /** In the order of the ladders. */
    static List<CountedKernel> all() {
        final long all = (long) TOKENS * ROW;
        final long pixels = 512 * 512;
        final LaunchArgument[] norm = {buffer(all), buffer(ROW), buffer(ROW), buffer(all), i32(WIDTH),
            f32(1e-6f)};
        final LaunchArgument[] product = {buffer(7168), buffer(18944L * 7168), buffer(2 * 18944), i32(3584),
            i32(18944)};
        final int count = 1024 * 12288;
        final LaunchArgument[] activation = {buffer(2L * count), buffer(2L * count), i64(count)};
        final LaunchArgument[] copy = {buffer(4096L * 18432), buffer(4096L * ROW), i64(ROW), i64(18432), i64(ROW)};
        final int vocabulary = 151936;
        final double token = 2.125 * vocabulary;
        final long cache = 4096L * 4 * 256;
        return List.of(
                new CountedKernel(CountedLaunch.of("norm_v1", "ada_layer_norm_bf16", TOKENS, 1, 256, norm),
                        "[4296, 3072]", 2.0 * ROW, USUAL, 3),
                new CountedKernel(CountedLaunch.of("norm_v2", "ada_layer_norm_bf16", TOKENS, 1, 96, norm),
                        "[4296, 3072]", 2.0 * ROW, USUAL, 2),
                new CountedKernel(CountedLaunch.of("norm_v3", "ada_layer_norm_bf16", TOKENS / 12, 1, 96, buffer(all),
                        buffer(ROW), buffer(ROW), buffer(all), i32(TOKENS), i32(WIDTH), i32(12), f32(1e-6f)),
                        "[4296, 3072]", 2.0 * 12 * ROW, USUAL, 1 + 12),
                new CountedKernel(CountedLaunch.of("pointwise_v1", "gelu_tanh_bf16", count / 256, 1, 256, activation),
                        "[1024, 12288]", 4 * 256, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise_v2", "gelu_tanh_bf16", count / 2048, 1, 256, activation),
                        "[1024, 12288]", 4 * 2048, USUAL, 1),
                new CountedKernel(CountedLaunch.of("rope_v1", "qk_norm_rope_bf16", TOKENS * 6, 1, 128, buffer(all),
                        buffer(256), buffer(TOKENS * 256L), buffer(TOKENS * 256L), buffer(all), i32(TOKENS), i32(24),
                        i32(128), f32(1e-6f)), "[4296, 24, 128]", 4 * (512 + 512 / 24.0), USUAL, 2),
                new CountedKernel(CountedLaunch.of("channelnorm_v1", "channel_norm_bf16", 1 << 16, 1, 128,
                        buffer(192 * pixels), buffer(192), buffer(192 * pixels), i64(pixels), i32(96)),
                        "[512, 512, 96] with SiLU", 4 * 384, USUAL, 2),
                new CountedKernel(CountedLaunch.of("channelnorm_v2", "channel_norm_bf16", (int) pixels / 224, 1, 128,
                        buffer(192 * pixels), buffer(192), buffer(192 * pixels), i64(pixels), i32(7)),
                        "[512, 512, 96] with SiLU", 224 * 2 * 192, USUAL, 7),
                new CountedKernel(CountedLaunch.of("rows_v1", "copy_rows", ROW / 128, 4096, 128, copy),
                        "[4096, 3072] of BF16", 2 * 128, USUAL, 1),
                new CountedKernel(CountedLaunch.of("rows_v2", "copy_rows", ROW / 512, 4096, 128, copy),
                        "[4096, 3072] of BF16", 2 * 512, USUAL, 1),
                new CountedKernel(CountedLaunch.of("latents_v1", "guidance_step_bf16", 1024, 1, 128, buffer(1 << 20),
                        buffer(1 << 19), buffer(1 << 19), buffer(1 << 20), i32(4096), i32(64), f32(4), f32(-0.02f)),
                        "[4096, 64]", 4 * 64 * 12, USUAL, 2),
                new CountedKernel(CountedLaunch.of("latents_v1", "unpack_latents_bf16", 256, 1, 256, buffer(1 << 20),
                        buffer(64), buffer(64), buffer(1 << 19), i32(16), i32(128), i32(128)),
                        "[4096, 64] to [128, 128, 16]", 256 * (16 + 8), USUAL, 1),
                new CountedKernel(CountedLaunch.of("sampling_v1", "argmax_bf16", 1, 1, 512, buffer(2L * vocabulary),
                        buffer(vocabulary / 8), buffer(4), i32(vocabulary), f32(1.05f)), "[151936]", token, USUAL,
                        vocabulary / 512 / 4),
                new CountedKernel(CountedLaunch.of("sampling_v1", "sample_bf16", 1, 1, 512, buffer(2L * vocabulary),
                        buffer(vocabulary / 8), buffer(4L * vocabulary), buffer(4), i32(vocabulary), f32(1.05f),
                        f64(0.7), i32(20), f64(0.8), f64(0.5)), "[151936], top-k and top-p", token, USUAL,
                        12 * vocabulary / 512),
                new CountedKernel(CountedLaunch.of("attention_decode_v1", "attention_decode_bf16", 28, 1, 32,
                        buffer(28 * 256), buffer(cache), buffer(cache), buffer(28 * 256), i32(4096), i32(7), i32(4),
                        f32(0.1275f)), "4096 of a cache, 28 heads on 4", 2 * 4096 * 256 / 7.0, USUAL, 2 * 4096 / 4),
                new CountedKernel(CountedLaunch.of("attention_general_v1", "attention_general_f32", 128, 16, 128,
                        buffer(4L * 512 * 1280), buffer(4L * 512 * 1280), buffer(4L * 512 * 1280),
                        buffer(4L * 512 * 1280), i32(512), i32(512), i32(16), i32(80), f32(0.1613f)),
                        "F32, 512 tokens, 16 heads of 80", 4.0 * 80 * (2 * 4 + 2 * 512), USUAL, 2 * 512 / 4),
                new CountedKernel(CountedLaunch.of("matvec_v1", "matrix_vector1_bf16", 4736, 1, 128, product),
                        "[1, 3584] by [18944, 3584]", 4 * 7168 + 8, USUAL, 1 + 3584 / 32),
                new CountedKernel(CountedLaunch.of("matvec_v2", "matrix_vector1_bf16", 4736, 1, 128, product),
                        "[1, 3584] by [18944, 3584]", 4 * 7168 + 8, USUAL, 1 + 3584 / 256));
    }
}
