package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.driver.ElementType.BF16;

import io.qwenimage.kernels.HopperAttentionKernels;
import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.TensorView;
import java.util.List;

/** Attention of head dimension 128 on Hopper: the denoiser's at 1024 x 1024 and larger, and a causal one. */
final class HopperAttentionBenchmark {
    private static final int HEAD = 128;

    private HopperAttentionBenchmark() {
    }

    static List<BenchmarkCase> cases() {
        return List.of(attention(4096 + 200, 24, 24, false, "1024 x 1024 and 200 of text"),
                attention(2 * 4096 + 300, 24, 24, false, "an edit at 1024 x 1024"),
                attention(16384 + 200, 24, 24, false, "2048 x 2048"), attention(4096, 28, 4, true, "causal, a prompt"));
    }

    private static BenchmarkCase attention(final int length, final int heads, final int keyHeads, final boolean causal,
                                           final String purpose) {
        final double operations = 4.0 * length * length * HEAD * heads * (causal ? 0.5 : 1);
        final double bytes = 2.0 * length * HEAD * (2 * heads + 2 * keyHeads);
        return new BenchmarkCase("attention_hopper_bf16", "[" + length + ", " + heads + " of " + keyHeads + ", 128] "
                + purpose,
                operations, bytes, device -> device.capability().equals(HopperAttentionKernels.CAPABILITY),
                device -> prepare(device, length, heads, keyHeads, causal));
    }

    private static BenchmarkCase.Prepared prepare(final KernelDevice device, final int length, final int heads,
                                                  final int keyHeads, final boolean causal) {
        final HostTensor q = HostTensor.random(device, 0, 1, BF16, length, heads, HEAD);
        final HostTensor k = HostTensor.random(device, 0, 1, BF16, length, keyHeads, HEAD);
        final HostTensor v = HostTensor.random(device, 0.1, 1, BF16, length, keyHeads, HEAD);
        final TensorView out = device.empty(BF16, length, (long) heads * HEAD);
        final float scale = (float) (1 / Math.sqrt(HEAD));
        final HopperAttentionKernels kernels = device.own(new HopperAttentionKernels(device.cuda()));
        return new BenchmarkCase.Prepared(() -> kernels.attention(device.stream(), q.view(), k.view(), v.view(), out,
                causal,
                null, null, scale), () -> {
                    final float[] actual = device.download(out);
                    for (final int row : new int[] {0, 1, length / 2, length - 1}) {
                        for (final int head : new int[] {0, heads - 1}) {
                            requireRow(actual, q, k, v, new int[] {row, head, heads, keyHeads, causal ? row + 1
                                    : length});
                        }
                    }
                });
    }

    /** @param at row, head, heads, heads of keys, number of keys that are seen */
    private static void requireRow(final float[] actual, final HostTensor q, final HostTensor k, final HostTensor v,
                                   final int[] at) {
        final int keyHead = at[1] / (at[2] / at[3]);
        final double[] scores = new double[at[4]];
        double maximum = Double.NEGATIVE_INFINITY;
        for (int key = 0; key < scores.length; key++) {
            for (int index = 0; index < HEAD; index++) {
                scores[key] += (double) q.values()[(at[0] * at[2] + at[1]) * HEAD + index]
                        * k.values()[(key * at[3] + keyHead) * HEAD + index];
            }
            scores[key] /= Math.sqrt(HEAD);
            maximum = Math.max(maximum, scores[key]);
        }
        double sum = 0;
        final double[] expected = new double[HEAD];
        for (int key = 0; key < scores.length; key++) {
            final double weight = Math.exp(scores[key] - maximum);
            sum += weight;
            for (int index = 0; index < HEAD; index++) {
                expected[index] += weight * v.values()[(key * at[3] + keyHead) * HEAD + index];
            }
        }
        for (int index = 0; index < HEAD; index++) {
            HostTensor.requireClose("row " + at[0] + ", head " + at[1] + ", element " + index,
                    actual[(at[0] * at[2] + at[1]) * HEAD + index], expected[index] / sum, BF16, 0.5);
        }
    }
}
