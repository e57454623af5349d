package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class MatrixVectorKernelsTest {
    @ParameterizedTest
    @CsvSource({"BF16,1,3584,9,true,true,NONE", "BF16,3,1000,18,true,false,NONE", "BF16,8,520,21,false,true,SILU",
            "F16,2,77,5,true,true,NONE", "F32,1,1030,6,false,false,GELU", "F32,5,64,3,true,true,NONE",
            "BF16,1,1,1,true,true,NONE", "BF16,6,8,130,false,false,GELU_TANH", "BF16,4,2049,4,true,false,NONE"})
    void testLinear(final ElementType type, final int rows, final int in, final int width, final boolean withBias,
            final boolean withResidual, final Activation activation, final KernelDevice device) {
        final Random random = new Random(in + width);
        final TensorView x = device.random(random, 1, type, rows, in);
        final TensorView weight = device.random(random, 1 / Math.sqrt(in), type, width, in);
        final TensorView bias = withBias ? device.random(random, 1, type, width) : null;
        final TensorView residual = withResidual ? device.random(random, 1, type, rows, width) : null;
        final TensorView out = device.empty(type, rows, width);
        new MatrixVectorKernels(device.cuda()).linear(device.stream(), x, weight, bias, activation, residual, out);
        require(device, x, weight, bias, activation, residual, out);
    }

    @Test
    void testRowsThatLieApart(final KernelDevice device) {
        final Random random = new Random(2);
        final TensorView whole = device.random(random, 1, ElementType.BF16, 3, 300);
        final TensorView weight = device.random(random, 0.1, ElementType.BF16, 7, 128);
        final TensorView out = device.empty(ElementType.BF16, 3, 7);
        for (final int from : new int[] {8, 5}) {
            final TensorView x = whole.slice(1, from, from + 128);
            new MatrixVectorKernels(device.cuda()).linear(device.stream(), x, weight, null, Activation.NONE, null, out);
            require(device, x, weight, null, Activation.NONE, null, out);
        }
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final MatrixVectorKernels kernels = new MatrixVectorKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 9, 16);
        final TensorView weight = device.zeros(ElementType.BF16, 4, 16);
        final TensorView out = device.zeros(ElementType.BF16, 9, 4);
        assertThrows(IllegalArgumentException.class,
                () -> kernels.linear(device.stream(), x, weight, null, Activation.NONE, null, out));
        assertThrows(IllegalArgumentException.class, () -> kernels.linear(device.stream(), x.slice(0, 0, 2),
                weight.reshape(8, 8), null, Activation.NONE, null, out.slice(0, 0, 2)));
        assertThrows(IllegalArgumentException.class, () -> kernels.linear(device.stream(), x.slice(0, 0, 2), weight,
                device.zeros(ElementType.BF16, 5), Activation.NONE, null, out.slice(0, 0, 2)));
    }

    private static void require(final KernelDevice device, final TensorView x, final TensorView weight,
            final TensorView bias, final Activation activation, final TensorView residual, final TensorView out) {
        final ElementType type = x.type();
        final int rows = (int) x.size(0);
        final int in = (int) x.size(1);
        final int width = (int) weight.size(0);
        final float[] values = device.download(x);
        final float[] factors = device.download(weight);
        final float[] biases = bias == null ? new float[width] : device.download(bias);
        final float[] residuals = residual == null ? new float[rows * width] : device.download(residual);
        final double[] exact = new double[rows * width];
        final double[] composed = new double[rows * width];
        for (int at = 0; at < exact.length; at++) {
            double sum = 0;
            float single = 0;
            for (int k = 0; k < in; k++) {
                final float a = values[at / width * in + k];
                final float b = factors[at % width * in + k];
                sum += (double) a * b;
                single += a * b;
            }
            exact[at] = activated(sum + biases[at % width], activation) + residuals[at];
            final double biased = Conformance.round(Conformance.round(single, type) + biases[at % width], type);
            composed[at] = Conformance.round(Conformance.round(activated(biased, activation), type) + residuals[at],
                    type);
        }
        Conformance.require("matrix_vector", type, width, device.download(out), exact, composed);
    }

    private static double activated(final double x, final Activation activation) {
        return switch (activation) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU -> x * 0.5 * ErrorFunction.complement(-x / Math.sqrt(2));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            default -> x;
        };
    }
}
