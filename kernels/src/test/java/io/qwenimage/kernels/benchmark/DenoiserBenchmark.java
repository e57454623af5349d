package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.driver.ElementType.BF16;
import static io.qwenimage.kernels.driver.ElementType.F32;

import io.qwenimage.kernels.Activation;
import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.LatentKernels;
import io.qwenimage.kernels.NormKernels;
import io.qwenimage.kernels.PointwiseKernels;
import io.qwenimage.kernels.RopeKernels;
import io.qwenimage.kernels.RotaryPairs;
import io.qwenimage.kernels.driver.TensorView;
import java.util.List;

/**
 * The denoiser's kernels beside attention at 1024 x 1024: 4096 tokens of the picture and 200 of text, width 3072, 24
 * heads of 128.
 */
final class DenoiserBenchmark {
    private static final int IMAGE = 4096;
    private static final int TEXT = 200;
    private static final int WIDTH = 3072;
    private static final int HEADS = 24;
    private static final int HEAD = 128;
    private static final int MLP = 4 * WIDTH;
    private static final float EPS = 1e-6f;
    private static final double VALUES = (double) IMAGE * WIDTH;

    private DenoiserBenchmark() {
    }

    static List<BenchmarkCase> cases() {
        return List.of(
                new BenchmarkCase("ada_layer_norm_bf16", "[4096, 3072] picture", 8 * VALUES, 4 * VALUES,
                        device -> adaLayerNorm(device, IMAGE)),
                new BenchmarkCase("ada_layer_norm_bf16", "[200, 3072] text", 8.0 * TEXT * WIDTH, 4.0 * TEXT * WIDTH,
                        device -> adaLayerNorm(device, TEXT)),
                new BenchmarkCase("gated_add_bf16", "[4096, 3072]", 2 * VALUES, 6 * VALUES,
                        DenoiserBenchmark::gatedAdd),
                new BenchmarkCase("gated_add_ada_layer_norm_bf16", "[4096, 3072]", 10 * VALUES, 8 * VALUES,
                        DenoiserBenchmark::gatedAddAdaLayerNorm),
                new BenchmarkCase("rms_norm_bf16", "[200, 3584] text embeddings", 4.0 * TEXT * 3584, 4.0 * TEXT * 3584,
                        DenoiserBenchmark::rmsNorm),
                new BenchmarkCase("qk_norm_rope_bf16", "[4096, 24, 128] of a fused projection", 10 * VALUES,
                        4 * VALUES + 4.0 * IMAGE * HEAD, DenoiserBenchmark::qkNormRope),
                new BenchmarkCase("gelu_tanh_bf16", "[4096, 12288]", 8.0 * IMAGE * MLP, 4.0 * IMAGE * MLP,
                        DenoiserBenchmark::gelu),
                new BenchmarkCase("guidance_step_bf16", "[4096, 64] with norm rescale and Euler", 10.0 * IMAGE * 64,
                        12.0 * IMAGE * 64, DenoiserBenchmark::guidanceStep));
    }

    private static BenchmarkCase.Prepared adaLayerNorm(final KernelDevice device, final int rows) {
        final HostTensor x = HostTensor.random(device, 0.1, 1, BF16, rows, WIDTH);
        final HostTensor shift = HostTensor.random(device, 0, 1, BF16, WIDTH);
        final HostTensor scale = HostTensor.random(device, 0, 0.5, BF16, WIDTH);
        final TensorView out = device.empty(BF16, rows, WIDTH);
        final NormKernels kernels = new NormKernels(device.cuda());
        return new BenchmarkCase.Prepared(
                () -> kernels.adaLayerNorm(device.stream(), x.view(), shift.view(), scale.view(), out, EPS),
                () -> {
                    final float[] actual = device.download(out);
                    for (final int row : new int[] {0, rows / 2, rows - 1}) {
                        requireModulated(actual, x.values(), shift.values(), scale.values(), row);
                    }
                });
    }

    private static void requireModulated(final float[] actual, final float[] x, final float[] shift,
            final float[] scale,
                                         final int row) {
        double sum = 0;
        double squares = 0;
        for (int column = 0; column < WIDTH; column++) {
            final double value = x[row * WIDTH + column];
            sum += value;
            squares += value * value;
        }
        final double mean = sum / WIDTH;
        final double deviation = Math.sqrt(squares / WIDTH - mean * mean + EPS);
        for (int column = 0; column < WIDTH; column++) {
            HostTensor.requireClose("row " + row + ", column " + column, actual[row * WIDTH + column],
                    (x[row * WIDTH + column] - mean) / deviation * (1 + scale[column]) + shift[column], BF16, 1);
        }
    }

    private static BenchmarkCase.Prepared gatedAdd(final KernelDevice device) {
        final HostTensor residual = HostTensor.random(device, 0, 1, BF16, IMAGE, WIDTH);
        final HostTensor x = HostTensor.random(device, 0.5, 1, BF16, IMAGE, WIDTH);
        final HostTensor gate = HostTensor.random(device, 0, 1, BF16, WIDTH);
        final TensorView out = device.empty(BF16, IMAGE, WIDTH);
        final NormKernels kernels = new NormKernels(device.cuda());
        return new BenchmarkCase.Prepared(
                () -> kernels.gatedAdd(device.stream(), residual.view(), x.view(), gate.view(), out),
                () -> {
                    final float[] actual = device.download(out);
                    for (int index = 0; index < actual.length; index += 997) {
                        HostTensor.requireClose("element " + index, actual[index], residual.values()[index]
                                + (double) gate.values()[index % WIDTH] * x.values()[index], BF16, 1);
                    }
                });
    }

    private static BenchmarkCase.Prepared gatedAddAdaLayerNorm(final KernelDevice device) {
        final HostTensor residual = HostTensor.random(device, 0, 1, BF16, IMAGE, WIDTH);
        final HostTensor x = HostTensor.random(device, 0.5, 1, BF16, IMAGE, WIDTH);
        final HostTensor gate = HostTensor.random(device, 0, 1, BF16, WIDTH);
        final HostTensor shift = HostTensor.random(device, 0, 1, BF16, WIDTH);
        final HostTensor scale = HostTensor.random(device, 0, 0.5, BF16, WIDTH);
        final TensorView sum = device.empty(BF16, IMAGE, WIDTH);
        final TensorView out = device.empty(BF16, IMAGE, WIDTH);
        final NormKernels kernels = new NormKernels(device.cuda());
        final List<NormKernels.Span> spans = List.of(new NormKernels.Span(residual.view(), x.view(), gate.view(),
                shift.view(), scale.view(), sum, out));
        return new BenchmarkCase.Prepared(() -> kernels.gatedAddAdaLayerNorm(device.stream(), spans, EPS), () -> {
                    final float[] sums = device.download(sum);
                    HostTensor.requireClose("sum", sums[WIDTH + 1], residual.values()[WIDTH + 1]
                            + (double) gate.values()[1] * x.values()[WIDTH + 1], BF16, 1);
                    requireModulated(device.download(out), sums, shift.values(), scale.values(), IMAGE - 1);
                });
    }

    private static BenchmarkCase.Prepared rmsNorm(final KernelDevice device) {
        final int width = 3584;
        final HostTensor x = HostTensor.random(device, 0, 1, BF16, TEXT, width);
        final HostTensor weight = HostTensor.random(device, 1, 0.2, BF16, width);
        final TensorView out = device.empty(BF16, TEXT, width);
        final NormKernels kernels = new NormKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.rmsNorm(device.stream(), x.view(), weight.view(), out, EPS),
                () -> {
            final float[] actual = device.download(out);
            double squares = 0;
            for (int column = 0; column < width; column++) {
                squares += (double) x.values()[column] * x.values()[column];
            }
            for (int column = 0; column < width; column++) {
                HostTensor.requireClose("column " + column, actual[column],
                        x.values()[column] / Math.sqrt(squares / width + EPS) * weight.values()[column], BF16, 0);
            }
        });
    }

    private static BenchmarkCase.Prepared qkNormRope(final KernelDevice device) {
        final HostTensor fused = HostTensor.random(device, 0, 1, BF16, IMAGE, 3 * WIDTH);
        final TensorView x = new TensorView(fused.view().address(), BF16, new long[] {IMAGE, HEADS, HEAD},
                new long[] {3 * WIDTH, HEAD, 1});
        final HostTensor weight = HostTensor.random(device, 1, 0.2, BF16, HEAD);
        final HostTensor cosine = HostTensor.random(device, 0, 0.5, F32, IMAGE, HEAD / 2);
        final HostTensor sine = HostTensor.random(device, 0.2, 0.5, F32, IMAGE, HEAD / 2);
        final TensorView out = device.empty(BF16, IMAGE, HEADS, HEAD);
        final RopeKernels kernels = new RopeKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.qkNormRope(device.stream(), x, weight.view(), EPS,
                cosine.view(),
                sine.view(), RotaryPairs.NEIGHBOURS, out), () -> {
                    final float[] actual = device.download(out);
                    final int token = IMAGE - 3;
                    final int head = HEADS - 2;
                    final int from = token * 3 * WIDTH + head * HEAD;
                    double squares = 0;
                    for (int index = 0; index < HEAD; index++) {
                        squares += (double) fused.values()[from + index] * fused.values()[from + index];
                    }
                    final double scale = 1 / Math.sqrt(squares / HEAD + EPS);
                    for (int pair = 0; pair < HEAD / 2; pair++) {
                        final double first = fused.values()[from + 2 * pair] * scale * weight.values()[2 * pair];
                        final double second = fused.values()[from + 2 * pair + 1] * scale * weight.values()[2 * pair
                                + 1];
                        final double cos = cosine.values()[token * HEAD / 2 + pair];
                        final double sin = sine.values()[token * HEAD / 2 + pair];
                        final int to = (token * HEADS + head) * HEAD + 2 * pair;
                        HostTensor.requireClose("pair " + pair, actual[to], first * cos - second * sin, BF16, 1);
                        HostTensor.requireClose("pair " + pair, actual[to + 1], first * sin + second * cos, BF16, 1);
                    }
                });
    }

    private static BenchmarkCase.Prepared gelu(final KernelDevice device) {
        final HostTensor x = HostTensor.random(device, 0, 1.5, BF16, IMAGE, MLP);
        final TensorView out = device.empty(BF16, IMAGE, MLP);
        final PointwiseKernels kernels = new PointwiseKernels(device.cuda());
        return new BenchmarkCase.Prepared(
                () -> kernels.activate(device.stream(), x.view(), Activation.GELU_TANH, out), () -> {
                    final float[] actual = device.download(out);
                    for (int index = 0; index < actual.length; index += 991) {
                        final double value = x.values()[index];
                        HostTensor.requireClose("element " + index, actual[index], 0.5 * value * (1 + Math.tanh(
                                Math.sqrt(2 / Math.PI) * (value + 0.044715 * value * value * value))), BF16, 0.1);
                    }
                });
    }

    private static BenchmarkCase.Prepared guidanceStep(final KernelDevice device) {
        final int width = 64;
        final float guidance = 4;
        final float dt = -0.02f;
        final HostTensor latents = HostTensor.random(device, 0, 1, F32, IMAGE, width);
        final HostTensor conditional = HostTensor.random(device, 0.3, 1, BF16, IMAGE, width);
        final HostTensor unconditional = HostTensor.random(device, -0.1, 0.9, BF16, IMAGE, width);
        final TensorView out = device.empty(F32, IMAGE, width);
        final TensorView step = device.upload(new float[] {dt}, F32, 1);
        final LatentKernels kernels = new LatentKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.guidanceStep(device.stream(), latents.view(),
                conditional.view(),
                unconditional.view(), guidance, step, out), () -> {
                    final float[] actual = device.download(out);
                    double before = 0;
                    double after = 0;
                    final double[] combined = new double[width];
                    for (int index = 0; index < width; index++) {
                        final double with = conditional.values()[index];
                        combined[index] = unconditional.values()[index]
                                + guidance * (with - unconditional.values()[index]);
                        before += with * with;
                        after += combined[index] * combined[index];
                    }
                    for (int index = 0; index < width; index++) {
                        HostTensor.requireClose("element " + index, actual[index], latents.values()[index]
                                + dt * combined[index] * Math.sqrt(before / after), F32, 1);
                    }
                });
    }
}
