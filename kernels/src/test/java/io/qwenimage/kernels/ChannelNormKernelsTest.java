package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class ChannelNormKernelsTest {
    @ParameterizedTest
    @CsvSource({"BF16,13,96,SILU,1", "BF16,9,192,SILU,1", "F16,33,384,NONE,1", "F32,5,96,SILU,1", "BF16,7,17,SILU,1",
            "BF16,1,8,NONE,1", "F32,3,1600,SILU,1", "BF16,2,1000,GELU,1", "BF16,70,24,SILU,1", "BF16,3,96,SILU,1e18",
            "BF16,6000,16,SILU,1"})
    void testChannelNorm(final ElementType type, final int pixels, final int channels, final Activation activation,
            final float magnitude, final KernelDevice device) {
        final Random random = new Random(channels);
        final TensorView x = device.random(random, magnitude, type, pixels, 1, channels);
        final TensorView gamma = device.random(random, 1, type, channels);
        final TensorView out = device.empty(type, pixels, 1, channels);
        new ChannelNormKernels(device.cuda()).channelNorm(device.stream(), x, gamma, activation, out);
        final double[] exact = new double[pixels * channels];
        final double[] composed = new double[exact.length];
        final float[] values = device.download(x);
        final float[] weight = device.download(gamma);
        for (int row = 0; row < exact.length; row += channels) {
            double sum = 0;
            for (int i = row; i < row + channels; i++) {
                sum += (double) values[i] * values[i];
            }
            final double scale = Math.sqrt(channels) / Math.max(Math.sqrt(sum), 1e-12);
            for (int i = row; i < row + channels; i++) {
                exact[i] = activated(values[i] * scale * weight[i - row], activation);
                final double normal = Conformance.round(values[i] * scale, type);
                composed[i] = Conformance.round(
                        activated(Conformance.round(normal * weight[i - row], type), activation), type);
            }
        }
        Conformance.require("channel_norm", type, channels, device.download(out), exact, composed);
    }

    @Test
    void testPixelOfZerosStaysZero(final KernelDevice device) {
        final TensorView x = device.zeros(ElementType.BF16, 2, 2, 96);
        final TensorView gamma = device.random(new Random(1), 1, ElementType.BF16, 96);
        new ChannelNormKernels(device.cuda()).channelNorm(device.stream(), x, gamma, Activation.SILU, x);
        Conformance.require("zeros", ElementType.BF16, 96, device.download(x), new double[4 * 96]);
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final ChannelNormKernels kernels = new ChannelNormKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 2, 2, 96);
        final TensorView gamma = device.zeros(ElementType.BF16, 95);
        assertThrows(IllegalArgumentException.class,
                () -> kernels.channelNorm(device.stream(), x, gamma, Activation.SILU, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.channelNorm(device.stream(), x,
                device.zeros(ElementType.F32, 96), Activation.SILU, x));
    }

    private static double activated(final double x, final Activation activation) {
        return switch (activation) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU -> x * 0.5 * ErrorFunction.complement(-x / Math.sqrt(2));
            default -> x;
        };
    }
}
