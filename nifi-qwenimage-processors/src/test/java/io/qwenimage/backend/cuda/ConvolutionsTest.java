package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.Tensors;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.backend.DeviceFaultException;
import io.qwenimage.backend.Padding;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Convolutions through cuDNN, and what happens where it does not serve. */
class ConvolutionsTest {
    private static final int NOT_SUPPORTED = 3000;
    private static final int DEVICE_ALLOCATION_FAILED = 4004;
    private static final int EXECUTION_FAILED = 5000;

    private StandIn standIn;

    /** A convolution's operands. */
    private record Operands(HostTensor x, HostTensor weight, HostTensor bias, HostTensor residual, int stride,
            Padding padding) {
        static Operands of(final int height, final int width, final int in, final int out, final int stride,
                final Padding padding) {
            final Random random = new Random(height * 31L + out);
            final int outHeight = (height + padding.top() + padding.bottom() - 3) / stride + 1;
            final int outWidth = (width + padding.left() + padding.right() - 3) / stride + 1;
            return new Operands(normal(random, 1, height, width, in), normal(random, 0.2, out, in, 3, 3),
                    normal(random, 1, out), normal(random, 1, outHeight, outWidth, out), stride, padding);
        }

        private static HostTensor normal(final Random random, final double spread, final long... extents) {
            final Shape shape = Shape.of(extents);
            final float[] values = new float[(int) shape.elements()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (spread * random.nextGaussian());
            }
            return HostTensor.ofFloats(shape, values);
        }

        HostTensor convolve(final Backend backend, final boolean biased, final boolean summed) {
            try (Arena arena = backend.openArena("test")) {
                return backend.download(backend.convolution(arena, backend.upload(arena, x),
                        backend.weight(arena, weight, WeightRole.CONVOLUTION),
                        biased ? backend.weight(arena, bias, WeightRole.VECTOR) : null, stride, padding,
                        summed ? backend.upload(arena, residual) : null));
            }
        }
    }

    @BeforeEach
    void setUp() {
        Assumptions.assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        standIn = StandIn.installWithLibraries();
    }

    @ParameterizedTest
    @CsvSource({"7, 6, 5, 3, 1, 1, 1, 1, 1", "5, 6, 8, 8, 2, 0, 1, 1, 0", "4, 5, 8, 16, 1, 2, 2, 1, 1"})
    void testServedInBothPrecisionsAsByWindows(final int height, final int width, final int in, final int out,
            final int stride, final int top, final int bottom, final int left, final int right) {
        final Operands operands = Operands.of(height, width, in, out, stride, new Padding(top, bottom, left, right));
        for (final DType type : new DType[] {DType.F32, DType.BF16}) {
            final HostTensor[] expected = new HostTensor[4];
            try (Backend windows = CudaBackends.openWithoutCudnn(type)) {
                assertTrue(windows.describe().contains("convolutions by unfolded windows, because libcudnn.so.9 is"),
                        windows.describe());
                for (int i = 0; i < 4; i++) {
                    expected[i] = operands.convolve(windows, (i & 1) != 0, (i & 2) != 0);
                }
                assertEquals(0, standIn.books().convolutions());
            }
            try (Backend backend = CudaBackends.open(type)) {
                assertTrue(backend.describe().contains("convolutions by cuDNN 9.19.0;"), backend.describe());
                for (int i = 0; i < 4; i++) {
                    final HostTensor actual = operands.convolve(backend, (i & 1) != 0, (i & 2) != 0);
                    Tensors.assertCloseInNorm("result", expected[i], actual, type == DType.F32 ? 1e-6 : 4e-3);
                }
                assertEquals(4, standIn.books().convolutions());
            }
        }
    }

    @Test
    void testShapeWithoutAnAlgorithmGoesByWindows() {
        final Operands lacking = Operands.of(6, 8, 8, 16, 1, Padding.of(1));
        try (Backend backend = CudaBackends.open(DType.BF16)) {
            standIn.faults().lackConvolutions(true);
            final HostTensor byWindows = lacking.convolve(backend, true, true);
            standIn.faults().lackConvolutions(false);
            lacking.convolve(backend, true, true);
            assertEquals(0, standIn.books().convolutions(), "remembered");
            final HostTensor another = Operands.of(6, 8, 8, 16, 1, Padding.of(1)).convolve(backend, true, true);
            assertArrayEquals(byWindows.toFloats(), another.toFloats());
            Operands.of(5, 8, 3, 16, 1, Padding.of(1)).convolve(backend, true, false);
            assertEquals(1, standIn.books().convolutions(), "channels that tensor cores do not take are padded");
        }
    }

    @Test
    void testShapeThatIsRefusedGoesByWindowsFromThenOn() {
        final Operands refused = Operands.of(6, 8, 8, 16, 1, Padding.of(1));
        try (Backend backend = CudaBackends.open(DType.F32)) {
            final HostTensor expected = refused.convolve(backend, true, true);
            standIn.faults().failConvolutions(2, NOT_SUPPORTED);
            Tensors.assertCloseInNorm("result", expected, refused.convolve(backend, true, true), 1e-6);
            assertEquals(1, standIn.books().convolutions(), "refused, so not computed");
            refused.convolve(backend, true, true);
            assertEquals(1, standIn.books().convolutions(), "remembered");
            Operands.of(8, 6, 8, 16, 1, Padding.of(1)).convolve(backend, true, true);
            assertEquals(2, standIn.books().convolutions(), "other shapes are still served");
        }
    }

    @Test
    void testBiasAndResidualAreAddedAfterwardsWhereTheLibraryDoesNot() {
        final Operands operands = Operands.of(6, 8, 8, 16, 1, Padding.of(1));
        try (Backend backend = CudaBackends.open(DType.F32)) {
            final HostTensor expected = operands.convolve(backend, true, true);
            standIn.faults().failConvolutions(1, NOT_SUPPORTED);
            for (int time = 2; time <= 3; time++) {
                Tensors.assertCloseInNorm("result", expected, operands.convolve(backend, true, true), 1e-6);
                assertEquals(time, standIn.books().convolutions());
            }
        }
    }

    @Test
    void testFailureIsTheDevices() {
        final Operands operands = Operands.of(6, 8, 8, 16, 1, Padding.of(1));
        try (Backend backend = CudaBackends.open(DType.F32)) {
            standIn.faults().failConvolutions(1, EXECUTION_FAILED);
            final String message = assertThrows(DeviceFaultException.class,
                    () -> operands.convolve(backend, true, true)).getMessage();
            assertTrue(message.endsWith("failed with CUDNN_STATUS_EXECUTION_FAILED 5000 (provoked)"), message);
            assertTrue(message.contains("height=6, width=8, in=8, out=16"), message);
            standIn.faults().failConvolutions(1, DEVICE_ALLOCATION_FAILED);
            assertThrows(ResourceExhaustedException.class, () -> operands.convolve(backend, true, true));
            operands.convolve(backend, true, true);
            assertEquals(1, standIn.books().convolutions(), "a failure is not remembered as a refusal");
        }
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "BF16"})
    void testRecordedInAGraph(final DType type) {
        final Operands operands = Operands.of(6, 8, 8, 16, 2, new Padding(0, 1, 0, 1));
        try (Backend backend = CudaBackends.open(type); Arena arena = backend.openArena("test")) {
            final float[] expected = operands.convolve(backend, true, false).toFloats();
            final Tensor weight = backend.weight(arena, operands.weight, WeightRole.CONVOLUTION);
            final Tensor bias = backend.weight(arena, operands.bias, WeightRole.VECTOR);
            try (Repetition rounds = backend.repeat((inner, inputs) ->
                    backend.convolution(inner, inputs[0], weight, bias, 2, operands.padding, null))) {
                for (int round = 0; round < 4; round++) {
                    assertArrayEquals(expected, backend.download(rounds.run(arena,
                            backend.upload(arena, operands.x))).toFloats(), "round " + round);
                }
            }
        }
    }
}
