package io.qwenimage.backend;

import static org.bytedeco.pytorch.global.torch.conv2d;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.linear;
import static org.bytedeco.pytorch.global.torch.matmul;
import static org.bytedeco.pytorch.global.torch.softmax;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations at sizes of the published models against libtorch: its float64 is the truth, its float32 the plain
 * computation whose error is the measure. Kernels that are interpreted get the same inner widths and
 * a tenth of the rows.
 */
class LibTorchTest {
    private static final double SPLIT_SHARE = 4e-5;
    private static final int HEADS = 6;
    private static final double ATTENTION_SHARE = 1e-4;

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void linearEqualsTorch(final Backends.Named kind) {
        final int columns = kind.few(1536);
        for (final DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            final Samples samples = kind.samples(11);
            final HostTensor x = samples.normal(1f, kind.few(1088), 3072);
            final HostTensor weight = samples.normal(dtype, 0.02f, columns, 3072);
            final HostTensor bias = samples.normal(1f, columns);
            check(kind, SPLIT_SHARE, (backend, arena) -> backend.linear(arena, backend.upload(arena, x),
                    backend.weight(arena, weight, WeightRole.LINEAR), backend.upload(arena, bias),
                    Activation.GELU_TANH, null), type -> gelu(linear(torch(x, type), torch(weight, type),
                            new TensorOptional(torch(bias, type))), "tanh"));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void convolutionEqualsTorch(final Backends.Named kind) {
        final Samples samples = kind.samples(12);
        for (final int[] c : new int[][] {{64, 64, 192, 96}, {20, 256, 96, 96}, {32, 36, 16, 384}}) {
            final HostTensor x = samples.normal(1f, kind.few(c[0]), kind.few(c[1]), c[2]);
            final HostTensor weight = samples.normal(DType.BF16, 0.05f, c[3], c[2], 3, 3);
            final HostTensor bias = samples.normal(1f, c[3]);
            check(kind, SPLIT_SHARE, (backend, arena) -> backend.convolution(arena, backend.upload(arena, x),
                    backend.weight(arena, weight, WeightRole.CONVOLUTION), backend.upload(arena, bias), 1,
                    Padding.of(1), null), type -> conv2d(torch(x, type).permute(2, 0, 1).unsqueeze(0),
                            torch(weight, type), new TensorOptional(torch(bias, type)), new long[] {1, 1},
                            new long[] {1, 1}, new long[] {1, 1}, 1).squeeze(0).permute(1, 2, 0));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void attentionEqualsTorch(final Backends.Named kind) {
        final Samples samples = kind.samples(13);
        final int keys = kind.few(1088);
        final HostTensor q = samples.normal(1f, kind.few(520), HEADS, 128);
        final HostTensor k = samples.normal(1f, keys, HEADS, 128);
        final HostTensor v = samples.normal(1f, keys, HEADS, 128);
        final float scale = (float) (1 / Math.sqrt(128));
        check(kind, ATTENTION_SHARE, (backend, arena) -> backend.attention(arena, backend.upload(arena, q),
                backend.upload(arena, k), backend.upload(arena, v), AttentionPattern.FULL, scale), type -> {
            final Tensor scores = matmul(heads(q, type), heads(k, type).transpose(1, 2)).mul(new Scalar(scale));
            return matmul(held(kind, softmax(scores, -1), type), heads(v, type)).permute(1, 0, 2);
        });
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void layerNormEqualsTorch(final Backends.Named kind) {
        final Samples samples = kind.samples(14);
        final HostTensor x = samples.normal(9f, kind.few(1023), 1024);
        final HostTensor weight = samples.normal(1f, 1024);
        final HostTensor bias = samples.normal(1f, 1024);
        final float eps = 1e-6f;
        check(kind, SPLIT_SHARE, (backend, arena) -> backend.layerNorm(arena, backend.upload(arena, x),
                backend.upload(arena, weight), backend.upload(arena, bias), eps),
                type -> layer_norm(torch(x, type), new long[] {1024},
                        new TensorOptional(torch(weight, type)), new TensorOptional(torch(bias, type)), eps, false));
    }

    private static void check(final Backends.Named kind, final double share, final Operation operation,
            final Function<ScalarType, Tensor> reference) {
        try (PointerScope scope = new PointerScope(); Backend backend = kind.open();
                Arena arena = backend.openArena("test")) {
            final double[] expected = doubles(reference.apply(ScalarType.Double));
            final double[] single = doubles(reference.apply(ScalarType.Float));
            final float[] plain = new float[single.length];
            for (int i = 0; i < plain.length; i++) {
                plain[i] = (float) single[i];
            }
            kind.assertClose(expected, plain, backend.download(operation.run(backend, arena)),
                    share * Samples.rms(expected));
        }
    }

    /** The plain computation multiplies values by weights that are held as activations. */
    private static Tensor held(final Backends.Named kind, final Tensor weights, final ScalarType type) {
        return kind.activations() == DType.BF16 && type == ScalarType.Float
                ? weights.toType(ScalarType.BFloat16).toType(type) : weights;
    }

    private static Tensor torch(final HostTensor tensor, final ScalarType type) {
        return Tensor.create(tensor.toFloats(), tensor.shape().toArray()).toType(type);
    }

    private static Tensor heads(final HostTensor tensor, final ScalarType type) {
        return torch(tensor, type).permute(1, 0, 2);
    }

    private static double[] doubles(final Tensor tensor) {
        final Tensor contiguous = tensor.toType(ScalarType.Double).contiguous();
        final double[] values = new double[(int) contiguous.numel()];
        contiguous.data_ptr_double().get(values);
        return values;
    }

    @FunctionalInterface
    private interface Operation {
        io.qwenimage.tensor.Tensor run(Backend backend, Arena arena);
    }
}
