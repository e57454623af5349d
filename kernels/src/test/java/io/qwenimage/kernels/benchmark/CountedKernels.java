package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.benchmark.LaunchArgument.buffer;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.f64;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i32;
import static io.qwenimage.kernels.benchmark.LaunchArgument.i64;
import static io.qwenimage.kernels.benchmark.LaunchArgument.integers;
import static io.qwenimage.kernels.benchmark.LaunchArgument.nothing;
import static io.qwenimage.kernels.benchmark.LaunchArgument.struct;

import java.util.ArrayList;
import java.util.Arrays;
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
    /** Threads that a row of so many elements takes, and how many rows a block has under way. */
    private static final int TEAM = 96;
    private static final int TEAMS = 4;
    private static final int ROW = 2 * WIDTH;
    private static final double USUAL = 1.1;
    /** Nine windows have each pixel; it comes from L1 and L2. */
    private static final double WINDOWS = 1.9;
    /** The bias is read for each row, from L1. */
    private static final double BIAS = 1.6;
    /** What blocks read anew: the bins of the step before, the best of the parts; a warp, a word of seen tokens. */
    private static final double SHARED_BY_BLOCKS = 1.6;
    private CountedKernels() {
    }

    static List<CountedKernel> all() {
        final List<CountedKernel> result = new ArrayList<>(norms());
        result.addAll(elements());
        result.addAll(ofThePicture());
        result.addAll(ofTheLanguageModel());
        result.addAll(ofSampling());
        return result;
    }

    /** What runs once a picture or a prompt, or takes next to nothing. */
    static List<CountedKernel> once() {
        return List.of(
                new CountedKernel(CountedLaunch.of("rope", "qk_norm_rope_multimodal_bf16", 256, 1, 128,
                        buffer(1024 * 9216L), nothing(), integers(new int[3 * 1024]), buffer(256),
                        buffer(1024 * 7168L), i32(1024), i32(28), i32(128), i64(4608), i64(3584), i32(28), i64(1024),
                        i32(16), i32(24), i32(24), i32(0), f32(1e-6f)), "[1024, 28, 128] of a prompt", 4 * 2.0 * 7168,
                        USUAL, 1 + 28 / 8),
                new CountedKernel(CountedLaunch.of("pointwise", "timestep_embedding_bf16", 1, 1, 128, buffer(4),
                        buffer(512), buffer(512), i32(128), f32(1000)), "[1] by [128], a step", 4 + 512 + 512, USUAL,
                        1),
                new CountedKernel(CountedLaunch.of("latents", "pack_latents_f32", 256, 1, 256, buffer(1 << 20),
                        buffer(1 << 20), i32(16), i32(128), i32(128)), "[16, 128, 128] to [4096, 64]", 256 * 2 * 16,
                        2.1,
                        1));
    }

    private static List<CountedKernel> norms() {
        final long all = (long) TOKENS * ROW;
        return List.of(
                norm("ada_layer_norm_bf16", 2, 2, buffer(all), buffer(ROW), buffer(ROW), buffer(all)),
                gatedNorms(),
                norm("gated_add_bf16", 1, 3, buffer(all), buffer(all), buffer(ROW), buffer(all)),
                norm("rms_norm_bf16", 1, 2, buffer(all), buffer(ROW), buffer(all)),
                norm("layer_norm_bf16", 2, 2, buffer(all), buffer(ROW), buffer(ROW), buffer(all)),
                new CountedKernel(CountedLaunch.of("rope", "qk_norm_rope_bf16", TOKENS / 4, 1, 128, buffer(3 * all),
                        buffer(256), buffer(TOKENS * 256L), buffer(TOKENS * 256L), buffer(all), i32(TOKENS), i32(24),
                        i32(128), i64(3L * WIDTH), i64(WIDTH), i32(24), i32(0), f32(1e-6f)),
                        "[4296, 24, 128], queries out of a fused projection", 4 * (2.0 * ROW + 512), USUAL,
                        1 + 24 / 8), jointHeads());
    }

    /** Queries and keys of both streams of two prompts in one batch, those of pictures in place; values of texts. */
    private static CountedKernel jointHeads() {
        final int text = 2 * 200;
        final int image = 2 * 4096;
        final List<LaunchArgument> members = new ArrayList<>();
        for (final int count : new int[] {text, image}) {
            final LaunchArgument value = count == text ? buffer((long) count * ROW) : nothing();
            members.add(struct(7 * Long.BYTES, buffer((long) count * ROW), buffer((long) count * ROW), value,
                    buffer(256), buffer(256), buffer(count * 256L), buffer(count * 256L)));
        }
        final int[] order = new int[19];
        Arrays.setAll(order, i -> i == 0 ? 2 : i < 10 ? Math.min(i - 1, 2) * 200 : Math.min(i - 10, 2) * 4096);
        return new CountedKernel(CountedLaunch.of("rope", "qk_norm_rope_joint_bf16", (text + image) / 4, 2, 128,
                members.get(0), members.get(1), struct(4 * order.length,
                        Arrays.stream(order).mapToObj(LaunchArgument::i32).toArray(LaunchArgument[]::new)),
                buffer(3L * (text + image) * ROW), i32(text + image), i32(24), i32(128), i32(24), i32(0), f32(1e-6f)),
                "[8592, 24, 128] of a guided step, queries and keys, values of texts", 4 * (2.0 * ROW + 512), USUAL,
                1 + 24 / 8);
    }

    /** Both streams after a layer, of two prompts in one batch. */
    private static CountedKernel gatedNorms() {
        final int image = 2 * 4096;
        final int text = 2 * 200;
        final int rows = Math.ceilDiv(image + text, 2 * HopperModel.MULTIPROCESSORS);
        final int blocks = Math.ceilDiv(image, rows) + Math.ceilDiv(text, rows);
        final List<LaunchArgument> members = new ArrayList<>();
        for (final int count : new int[] {image, text}) {
            final long bytes = (long) count * ROW;
            members.addAll(List.of(buffer(bytes), buffer(bytes), buffer(ROW), buffer(ROW), buffer(ROW), buffer(bytes),
                    buffer(bytes), i64(count)));
        }
        return new CountedKernel(new CountedLaunch("norm", "gated_add_ada_layer_norm_bf16",
                new int[] {blocks, 1, 1}, TEAMS * TEAM, 3 * ROW,
                List.of(struct(8 * 64, members.toArray(LaunchArgument[]::new)), i32(WIDTH), i32(rows), i32(TEAM),
                        f32(1e-6f))), "[8192 + 400, 3072], both streams of a guided step", 4.0 * rows * ROW, USUAL,
                Math.ceilDiv(rows, TEAMS));
    }

    /** @param vectors that all rows have in common; @param operands that each row reads or writes */
    private static CountedKernel norm(final String entry, final int vectors, final int operands,
            final LaunchArgument... buffers) {
        final int rows = Math.ceilDiv(TOKENS, 2 * HopperModel.MULTIPROCESSORS);
        final List<LaunchArgument> arguments = new ArrayList<>(List.of(buffers));
        arguments.addAll(List.of(i32(TOKENS), i32(WIDTH), i64(WIDTH), i32(rows), i32(TEAM)));
        if (!entry.startsWith("gated_add_bf16")) {
            arguments.add(f32(1e-6f));
        }
        return new CountedKernel(new CountedLaunch("norm", entry, new int[] {Math.ceilDiv(TOKENS, rows), 1, 1},
                TEAMS * TEAM, vectors * ROW, arguments), "[4296, 3072], a block of the denoiser",
                (double) operands * rows * ROW, USUAL, Math.ceilDiv(rows, TEAMS));
    }

    private static List<CountedKernel> elements() {
        final int count = 1024 * 12288;
        final int[] grid = {count / 4096, 1};
        return List.of(
                new CountedKernel(CountedLaunch.of("pointwise", "gelu_tanh_bf16", grid[0], grid[1], 256,
                        buffer(2L * count), buffer(2L * count), i64(count)),
                        "[1024, 12288], a quarter of the feed-forward", 4 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "add_bf16", grid[0], grid[1], 256, buffer(2L * count),
                        buffer(2L * count), buffer(2L * count), i64(count)), "[1024, 12288]", 6 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "swiglu_bf16", 9, 256, 256, buffer(256L * 4 * 18944),
                        buffer(256L * 4 * 18944), buffer(256L * 2 * 18944), i32(256), i32(18944), i64(2L * 18944),
                        i64(2L * 18944)), "[256, 18944] out of a fused projection", 3 * 4096, USUAL, 1),
                new CountedKernel(CountedLaunch.of("pointwise", "cast_f8_e4m3_bf16", grid[0], grid[1], 256,
                        buffer(count), buffer(2L * count), i64(count)), "[1024, 12288], stored weights", 6 * 2048,
                        USUAL, 1),
                new CountedKernel(CountedLaunch.of("epilogue", "epilogue_bf16", 16 * HopperModel.MULTIPROCESSORS, 1,
                        256,
                        buffer(2L * count), buffer(2 * 12288), nothing(), buffer(2L * count), i64(count), i32(12288),
                        i32(3)), "[1024, 12288], bias and GELU", 4.0 * count / (16 * HopperModel.MULTIPROCESSORS), BIAS,
                        3));
    }

    private static List<CountedKernel> ofThePicture() {
        final int pixels = 1024 * 1024 / 4;
        return List.of(
                new CountedKernel(CountedLaunch.of("latents", "guidance_step_bf16", 512, 1, 128, buffer(1 << 20),
                        buffer(1 << 19), buffer(1 << 19), buffer(1 << 20), i32(4096), i32(64), i32(16), f32(4),
                        buffer(4)), "[4096, 64], a step with guidance", 8 * 64 * 12, USUAL, 1),
                new CountedKernel(CountedLaunch.of("latents", "unpack_latents_bf16", 128, 1, 256, buffer(1 << 20),
                        buffer(64), buffer(64), buffer(1 << 19), i32(16), i32(128), i32(128)),
                        "[4096, 64] to [128, 128, 16]", 512 * (16 + 8), USUAL, 1),
                new CountedKernel(CountedLaunch.of("latents", "pixels_bf16", 3072, 1, 256, buffer(6 << 20),
                        buffer(3 << 20), i64(3 << 20)), "[1024, 1024, 3]", 1024 * 3, USUAL, 1),
                new CountedKernel(CountedLaunch.of("channelnorm", "channel_norm_bf16", pixels / 224, 1, 128,
                        buffer(192L * pixels), buffer(192), buffer(192L * pixels), i64(pixels), i32(96), i32(4),
                        i32(7), i32(1)), "[512, 512, 96] with SiLU, the decoder", 224 * 2 * 192, USUAL, 7),
                new CountedKernel(CountedLaunch.of("rows", "upsample_nearest", 48, 256, 128, buffer(384L << 16),
                        buffer(384L << 18), i32(256), i32(256), i32(384)), "[256, 256, 192] of BF16, the decoder",
                        5 * 2048, USUAL, 1),
                new CountedKernel(CountedLaunch.of("unfold", "unfold_bf16", 1728, 1, 256, buffer(192L << 16),
                        buffer((192L * 9) << 12), i32(256), i32(256), i32(96), i32(3), i32(3), i32(1), i32(1), i32(1),
                        i32(256), i32(64), i64(4096)), "16 rows of [256, 256, 96], windows of 3 x 3",
                        4096 * (1 + 1 / 9.0), WINDOWS, 1));
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

    /** The launches of one token: top-k, then top-p, of a vocabulary of 151,936. */
    private static List<CountedKernel> ofSampling() {
        final int vocabulary = 151936;
        final int parts = Math.ceilDiv(vocabulary, 2048);
        final LaunchArgument logits = buffer(2L * vocabulary);
        final LaunchArgument seen = buffer(vocabulary / 8);
        final LaunchArgument orders = buffer(4L * vocabulary);
        final LaunchArgument scratch = buffer(9 * 32 + 8 * 256 * 8 + 24 * Math.ceilDiv(parts, 4) * 4);
        final LaunchArgument token = buffer(4);
        final String shape = "[151936]";
        final double read = 4 * 2048;
        return List.of(
                new CountedKernel(CountedLaunch.of("sampling", "argmax_parts_bf16", parts, 1, 512, logits, seen,
                        scratch,
                        i32(vocabulary), f32(1.05f)), shape, 2048 * 2.125, SHARED_BY_BLOCKS, 2),
                new CountedKernel(CountedLaunch.of("sampling", "argmax_bf16", 1, 1, 512, logits, seen, scratch, token,
                        i32(vocabulary)), shape, 8 * parts, 1.5, 3),
                new CountedKernel(CountedLaunch.of("sampling", "sample_orders_bf16", parts, 1, 512, logits, seen,
                        orders,
                        scratch, i32(vocabulary), f32(1.05f)), shape, 2048 * 6.125, SHARED_BY_BLOCKS, 2),
                new CountedKernel(CountedLaunch.of("sampling", "sample_digit", parts, 1, 512, orders, scratch,
                        i32(vocabulary), i32(0), i32(1), f64(0.7), i32(20), f64(0.8)), shape + ", first digit of top-k",
                        read, USUAL, 1),
                new CountedKernel(CountedLaunch.of("sampling", "sample_digit", parts, 1, 512, orders, scratch,
                        i32(vocabulary), i32(5), i32(0), f64(0.7), i32(20), f64(0.8)),
                        shape + ", second digit of top-p",
                        read, SHARED_BY_BLOCKS, 3),
                new CountedKernel(CountedLaunch.of("sampling", "sample_parts", parts, 1, 512, orders, scratch,
                        i32(vocabulary), i32(8), f64(0.7), f64(0.8)), shape, read, SHARED_BY_BLOCKS, 3),
                new CountedKernel(CountedLaunch.of("sampling", "sample_draw", 1, 1, 512, orders, scratch, seen, token,
                        i32(vocabulary), i32(8), f64(0.7), f64(0.8), f64(0.5)), shape, 24 * parts + read, 1.5, 6));
    }
}
