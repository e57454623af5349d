package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.driver.ElementType.BF16;
import static io.qwenimage.kernels.driver.ElementType.I32;

import io.qwenimage.kernels.Activation;
import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.MatrixVectorKernels;
import io.qwenimage.kernels.PointwiseKernels;
import io.qwenimage.kernels.RowKernels;
import io.qwenimage.kernels.SamplingKernels;
import io.qwenimage.kernels.driver.TensorView;
import java.util.List;

/** A token at a time by a language model of 7B: width 3584, 18944 within the MLP, 152064 tokens. */
final class LanguageBenchmark {
    private static final int WIDTH = 3584;
    private static final int MLP = 18944;
    private static final int FUSED = 4608;
    private static final int VOCABULARY = 152064;

    private LanguageBenchmark() {
    }

    static List<BenchmarkCase> cases() {
        return List.of(
                linear(1, WIDTH, FUSED, "queries, keys and values"), linear(1, WIDTH, 2 * MLP, "gate and up"),
                linear(1, MLP, WIDTH, "down"), linear(1, WIDTH, VOCABULARY, "logits"),
                linear(4, WIDTH, FUSED, "4 rows"),
                new BenchmarkCase("swi_glu_bf16", "[1, 18944]", 5.0 * MLP, 6.0 * MLP, LanguageBenchmark::swiGlu),
                new BenchmarkCase("gather", "[1, 3584] of [152064, 3584] BF16", 0, 4.0 * WIDTH,
                LanguageBenchmark::gather),
                new BenchmarkCase("argmax_bf16", "[152064]", VOCABULARY, 2.0 * VOCABULARY, LanguageBenchmark::argmax),
                new BenchmarkCase("sample_bf16", "[152064], top-k 20, top-p 0.8", VOCABULARY, 2.0 * VOCABULARY,
                        LanguageBenchmark::sample));
    }

    private static BenchmarkCase linear(final int rows, final int in, final int out, final String purpose) {
        return new BenchmarkCase("linear_bf16", "[" + rows + ", " + in + "] x [" + out + ", " + in + "], " + purpose,
                2.0 * rows * in * out, 2.0 * in * out + 2.0 * rows * (in + out), device ->
                prepareLinear(device, rows, in, out));
    }

    private static BenchmarkCase.Prepared prepareLinear(final KernelDevice device, final int rows, final int in,
                                                        final int out) {
        final HostTensor x = HostTensor.random(device, 0, 1, BF16, rows, in);
        final HostTensor weight = HostTensor.random(device, 0, 1 / Math.sqrt(in), BF16, out, in);
        final TensorView result = device.empty(BF16, rows, out);
        final MatrixVectorKernels kernels = new MatrixVectorKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.linear(device.stream(), x.view(), weight.view(), null,
                Activation.NONE, null, result), () -> {
                    final float[] actual = device.download(result);
                    for (int index = 0; index < actual.length; index += 61) {
                        final int row = index / out;
                        final int column = index % out;
                        double sum = 0;
                        for (int each = 0; each < in; each++) {
                            sum += (double) x.values()[row * in + each] * weight.values()[column * in + each];
                        }
                        HostTensor.requireClose("row " + row + ", column " + column, actual[index], sum, BF16, 0.01);
                    }
                });
    }

    private static BenchmarkCase.Prepared swiGlu(final KernelDevice device) {
        final HostTensor gate = HostTensor.random(device, 0, 1.5, BF16, 1, MLP);
        final HostTensor up = HostTensor.random(device, 0.5, 1, BF16, 1, MLP);
        final TensorView out = device.empty(BF16, 1, MLP);
        final PointwiseKernels kernels = new PointwiseKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.swiGlu(device.stream(), gate.view(), up.view(), out), () -> {
            final float[] actual = device.download(out);
            for (int index = 0; index < MLP; index++) {
                final double value = gate.values()[index];
                HostTensor.requireClose("element " + index, actual[index],
                        value / (1 + Math.exp(-value)) * up.values()[index], BF16, 0.01);
            }
        });
    }

    private static BenchmarkCase.Prepared gather(final KernelDevice device) {
        final HostTensor table = HostTensor.random(device, 0, 1, BF16, VOCABULARY, WIDTH);
        final TensorView ids = device.upload(new int[] {151643}, 1);
        final TensorView out = device.empty(BF16, 1, WIDTH);
        final RowKernels kernels = new RowKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.gather(device.stream(), table.view(), ids, out), () -> {
            final float[] actual = device.download(out);
            for (int index = 0; index < WIDTH; index++) {
                HostTensor.requireClose("element " + index, actual[index], table.values()[151643 * WIDTH + index],
                        BF16, 0);
            }
        });
    }

    private static BenchmarkCase.Prepared argmax(final KernelDevice device) {
        final HostTensor logits = HostTensor.random(device, 0, 3, BF16, VOCABULARY);
        final TensorView token = device.empty(I32, 1);
        final SamplingKernels kernels = new SamplingKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.argmax(device.stream(), logits.view(), null, 1, token), () -> {
            int best = 0;
            for (int index = 1; index < VOCABULARY; index++) {
                best = logits.values()[index] > logits.values()[best] ? index : best;
            }
            requireToken(device.downloadInts(token)[0], best);
        });
    }

    /** With a uniform of 0 the first of the tokens that remain is drawn, which is one of the 20 best. */
    private static BenchmarkCase.Prepared sample(final KernelDevice device) {
        final HostTensor logits = HostTensor.random(device, 0, 3, BF16, VOCABULARY);
        final TensorView token = device.empty(I32, 1);
        final TensorView workspace = device.empty(I32, VOCABULARY);
        final SamplingKernels kernels = new SamplingKernels(device.cuda());
        final SamplingKernels.Settings settings = new SamplingKernels.Settings(1, 0.7, 20, 0.8);
        return new BenchmarkCase.Prepared(
                () -> kernels.sample(device.stream(), logits.view(), null, workspace, settings, 0.4, token), () -> {
                    final int drawn = device.downloadInts(token)[0];
                    int better = 0;
                    for (final float logit : logits.values()) {
                        better += logit > logits.values()[drawn] ? 1 : 0;
                    }
                    if (better >= 20) {
                        throw new AssertionError("token " + drawn + " was drawn, than which " + better + " are better");
                    }
                });
    }

    private static void requireToken(final int actual, final int expected) {
        if (actual != expected) {
            throw new AssertionError("token " + actual + ", not " + expected);
        }
    }
}
