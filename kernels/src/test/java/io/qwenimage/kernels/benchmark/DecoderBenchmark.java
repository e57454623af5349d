package io.qwenimage.kernels.benchmark;

import static io.qwenimage.kernels.driver.ElementType.BF16;
import static io.qwenimage.kernels.driver.ElementType.U8;

import io.qwenimage.kernels.Activation;
import io.qwenimage.kernels.ChannelNormKernels;
import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.LatentKernels;
import io.qwenimage.kernels.RowKernels;
import io.qwenimage.kernels.driver.TensorView;
import java.util.List;

/** The autoencoder's kernels beside convolutions when it decodes 1024 x 1024: channels last, 96 to 384 of them. */
final class DecoderBenchmark {
    private DecoderBenchmark() {
    }

    static List<BenchmarkCase> cases() {
        return List.of(
                channelNorm(1024, 96), channelNorm(512, 192), channelNorm(256, 384),
                new BenchmarkCase("upsample_nearest", "[512, 512, 192] BF16 to 1024 x 1024", 0,
                5 * 2.0 * 512 * 512 * 192,
                        device -> upsample(device, 512, 192)),
                new BenchmarkCase("pixels_bf16", "[1024, 1024, 3] to 8 bits", 0, 3.0 * 1024 * 1024 * 3,
                        DecoderBenchmark::pixels));
    }

    private static BenchmarkCase channelNorm(final int side, final int channels) {
        final double values = (double) side * side * channels;
        return new BenchmarkCase("channel_norm_bf16", "[" + side + ", " + side + ", " + channels + "] and SiLU",
                8 * values,
                4 * values, device -> channelNorm(device, side, channels));
    }

    private static BenchmarkCase.Prepared channelNorm(final KernelDevice device, final int side, final int channels) {
        final HostTensor x = HostTensor.random(device, 0.2, 1, BF16, side, side, channels);
        final HostTensor gamma = HostTensor.random(device, 1, 0.2, BF16, channels);
        final TensorView out = device.empty(BF16, side, side, channels);
        final ChannelNormKernels kernels = new ChannelNormKernels(device.cuda());
        return new BenchmarkCase.Prepared(
                () -> kernels.channelNorm(device.stream(), x.view(), gamma.view(), Activation.SILU, out), () -> {
                    final float[] actual = device.download(out);
                    for (final int pixel : new int[] {0, side * side / 2 + 1, side * side - 1}) {
                        double squares = 0;
                        for (int channel = 0; channel < channels; channel++) {
                            squares += Math.pow(x.values()[pixel * channels + channel], 2);
                        }
                        for (int channel = 0; channel < channels; channel++) {
                            final double value = x.values()[pixel * channels + channel] / Math.sqrt(squares)
                                    * Math.sqrt(channels) * gamma.values()[channel];
                            HostTensor.requireClose("pixel " + pixel + ", channel " + channel,
                                    actual[pixel * channels + channel], value / (1 + Math.exp(-value)), BF16, 0.1);
                        }
                    }
                });
    }

    private static BenchmarkCase.Prepared upsample(final KernelDevice device, final int side, final int channels) {
        final HostTensor x = HostTensor.random(device, 0, 1, BF16, side, side, channels);
        final TensorView out = device.empty(BF16, 2 * side, 2 * side, channels);
        final RowKernels kernels = new RowKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.upsampleNearest(device.stream(), x.view(), out), () -> {
            final float[] actual = device.download(out);
            for (int index = 0; index < actual.length; index += 1009) {
                final int pixel = index / channels;
                final int row = pixel / (2 * side) / 2;
                final int column = pixel % (2 * side) / 2;
                HostTensor.requireClose("element " + index, actual[index],
                        x.values()[(row * side + column) * channels + index % channels], BF16, 0);
            }
        });
    }

    private static BenchmarkCase.Prepared pixels(final KernelDevice device) {
        final HostTensor x = HostTensor.random(device, 0, 0.6, BF16, 1024, 1024, 3);
        final TensorView out = device.empty(U8, 1024, 1024, 3);
        final LatentKernels kernels = new LatentKernels(device.cuda());
        return new BenchmarkCase.Prepared(() -> kernels.pixels(device.stream(), x.view(), out), () -> {
            final float[] actual = device.download(out);
            for (int index = 0; index < actual.length; index++) {
                final double expected = 255 * Math.clamp(x.values()[index] / 2.0 + 0.5, 0.0, 1.0);
                if (Math.abs(actual[index] - expected) > 0.5001) {
                    throw new AssertionError("pixel value " + index + " is " + actual[index] + ", not " + expected);
                }
            }
        });
    }
}
