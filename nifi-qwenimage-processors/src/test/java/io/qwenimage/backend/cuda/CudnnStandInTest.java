package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.IntSupplier;
import org.bytedeco.cuda.cudnn.cudnnActivationStruct;
import org.bytedeco.cuda.cudnn.cudnnConvolutionFwdAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionStruct;
import org.bytedeco.cuda.cudnn.cudnnFilterStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.SizeTPointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The stand-in for cuDNN notices whatever it is asked wrongly: each test makes one mistake in a call that is right. */
@SuppressWarnings("deprecation") // The calls that are stood in for.
class CudnnStandInTest {
    private static final long BUDGET = 1 << 20;
    private static final int HEIGHT = 4;
    private static final int WIDTH = 5;
    private static final int IN = 2;
    private static final int OUT = 3;
    private static final int PIXELS = HEIGHT * WIDTH;
    private static final int ALGORITHM = cudnn.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

    private final StandIn standIn = StandIn.installWithLibraries();
    private CudaDevice device;
    private CudaStream stream;
    private Cudnn library;
    private final cudnnTensorStruct picture = new cudnnTensorStruct();
    private final cudnnFilterStruct filter = new cudnnFilterStruct();
    private final cudnnConvolutionStruct movement = new cudnnConvolutionStruct();
    private final cudnnTensorStruct bias = new cudnnTensorStruct();
    private final cudnnActivationStruct identity = new cudnnActivationStruct();
    private final cudnnTensorStruct result = new cudnnTensorStruct();
    private final FloatPointer one = new FloatPointer(1f);
    private DeviceBuffer x;
    private DeviceBuffer w;
    private DeviceBuffer added;
    private DeviceBuffer sum;
    private DeviceBuffer y;
    private DeviceBuffer workspace;

    private static final class Address extends Pointer {
        private Address(final long value) {
            address = value;
        }
    }

    @BeforeEach
    void setUp() {
        standIn.setUp(0, PosedDevice.a100());
        device = CudaDevice.open(0, BUDGET);
        stream = device.openStream();
        CudaLibraries.load(null);
        CudaLibraries.loadCudnn(null);
        library = new Cudnn(stream);
        cudnn.cudnnCreateTensorDescriptor(picture);
        cudnn.cudnnCreateFilterDescriptor(filter);
        cudnn.cudnnCreateConvolutionDescriptor(movement);
        cudnn.cudnnCreateTensorDescriptor(bias);
        cudnn.cudnnCreateActivationDescriptor(identity);
        cudnn.cudnnCreateTensorDescriptor(result);
        tensor(picture, IN, HEIGHT, WIDTH);
        filter(cudnn.CUDNN_TENSOR_NHWC);
        padding(1);
        cudnn.cudnnSetConvolutionMathType(movement, cudnn.CUDNN_FMA_MATH);
        tensor(bias, OUT, 1, 1);
        cudnn.cudnnSetActivationDescriptor(identity, cudnn.CUDNN_ACTIVATION_IDENTITY,
                cudnn.CUDNN_NOT_PROPAGATE_NAN, 0);
        tensor(result, OUT, HEIGHT, WIDTH);
        x = filled(PIXELS * IN);
        w = filled(OUT * 9 * IN);
        added = filled(OUT);
        sum = filled(PIXELS * OUT);
        y = stream.allocate(PIXELS * OUT * Float.BYTES);
        workspace = stream.allocate(BUDGET / 4);
    }

    @AfterEach
    void close() {
        cudnn.cudnnDestroyTensorDescriptor(picture);
        cudnn.cudnnDestroyFilterDescriptor(filter);
        cudnn.cudnnDestroyConvolutionDescriptor(movement);
        cudnn.cudnnDestroyTensorDescriptor(bias);
        cudnn.cudnnDestroyActivationDescriptor(identity);
        cudnn.cudnnDestroyTensorDescriptor(result);
        library.close();
        List.of(x, w, added, sum, y, workspace).forEach(DeviceBuffer::close);
        stream.synchronize();
        stream.close();
        device.close();
        assertEquals(List.of(), standIn.open());
    }

    @Test
    void testSumsOfWindowsWithBiasAndSum() {
        final float[] expected = new float[PIXELS * OUT];
        for (int i = 0; i < expected.length; i++) {
            final int out = i % OUT;
            double exact = number(out) + number(i);
            for (int tap = 0; tap < 9; tap++) {
                final int row = i / OUT / WIDTH + tap / 3 - 1;
                final int column = i / OUT % WIDTH + tap % 3 - 1;
                for (int c = 0; c < IN && row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH; c++) {
                    exact += (double) number((row * WIDTH + column) * IN + c) * number((out * 9 + tap) * IN + c);
                }
            }
            expected[i] = (float) exact;
        }
        assertEquals(cudnn.CUDNN_STATUS_SUCCESS, run());
        assertEquals(List.of(), standIn.findings());
        final float[] first = download();
        assertArrayEquals(expected, first, 1e-5f);
        assertEquals(cudnn.CUDNN_STATUS_SUCCESS, run());
        assertArrayEquals(first, download(), "again, bit for bit");
    }

    @Test
    void testMathematicsThatRoundIsSeen() {
        run();
        final float[] exact = download();
        cudnn.cudnnSetConvolutionMathType(movement, cudnn.CUDNN_DEFAULT_MATH);
        run();
        final float[] rounded = download();
        double error = 0;
        for (int i = 0; i < exact.length; i++) {
            error = Math.max(error, Math.abs(exact[i] - rounded[i]));
        }
        assertTrue(error > 1e-5 && error < 1e-2, "TF32 is off by " + error);
    }

    @Test
    void testWrongPadding() {
        padding(0);
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "makes no", this::run);
    }

    @Test
    void testWrongLayoutOfTheFilter() {
        filter(cudnn.CUDNN_TENSOR_NCHW);
        assertRefused(cudnn.CUDNN_STATUS_NOT_SUPPORTED, "formats", this::run);
    }

    @Test
    void testWrongModeOfTheFilter() {
        assertRefused(cudnn.CUDNN_STATUS_NOT_SUPPORTED, "turn the filter round", () ->
                cudnn.cudnnSetConvolution2dDescriptor(movement, 1, 1, 1, 1, 1, 1, cudnn.CUDNN_CONVOLUTION,
                        cudnn.CUDNN_DATA_FLOAT));
    }

    @Test
    void testActivationThatIsNoIdentity() {
        assertRefused(cudnn.CUDNN_STATUS_NOT_SUPPORTED, "unknown to the stand-in", () ->
                cudnn.cudnnSetActivationDescriptor(identity, cudnn.CUDNN_ACTIVATION_RELU,
                        cudnn.CUDNN_NOT_PROPAGATE_NAN, 0));
        assertRefused(cudnn.CUDNN_STATUS_NOT_SUPPORTED, "NaN", () -> cudnn.cudnnSetActivationDescriptor(identity,
                cudnn.CUDNN_ACTIVATION_IDENTITY, cudnn.CUDNN_PROPAGATE_NAN, 0));
    }

    @Test
    void testTooSmallAWorkspace() {
        try (SizeTPointer bytes = new SizeTPointer(1)) {
            assertEquals(cudnn.CUDNN_STATUS_SUCCESS, cudnn.cudnnGetConvolutionForwardWorkspaceSize(library.handle(),
                    picture, filter, movement, result, ALGORITHM, bytes));
            assertEquals(PIXELS * Integer.BYTES, bytes.get());
        }
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "but the algorithm needs " + PIXELS * Integer.BYTES,
                () -> run(ALGORITHM, workspace.address(), PIXELS * Integer.BYTES - 1, y.address()));
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "the workspace of",
                () -> run(ALGORITHM, 4096, BUDGET, y.address()));
    }

    @Test
    void testAddresses() {
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "no multiple of 16",
                () -> run(ALGORITHM, workspace.address() + Float.BYTES, PIXELS * Integer.BYTES, y.address()));
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "the result lies in the workspace",
                () -> run(ALGORITHM, workspace.address(), PIXELS * Integer.BYTES, workspace.address()));
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "the result of",
                () -> run(ALGORITHM, workspace.address(), PIXELS * Integer.BYTES, 4096));
    }

    @Test
    void testAlgorithmThatChannelsLastDoNotHave() {
        assertEquals(cudnn.CUDNN_STATUS_NOT_SUPPORTED, run(cudnn.CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
                workspace.address(), PIXELS * Integer.BYTES, y.address()));
        try (IntPointer count = new IntPointer(1); cudnnConvolutionFwdAlgoPerf_t offers =
                new cudnnConvolutionFwdAlgoPerf_t(cudnn.CUDNN_CONVOLUTION_FWD_ALGO_COUNT)) {
            assertEquals(cudnn.CUDNN_STATUS_SUCCESS, cudnn.cudnnGetConvolutionForwardAlgorithm_v7(library.handle(),
                    picture, filter, movement, result, cudnn.CUDNN_CONVOLUTION_FWD_ALGO_COUNT, count, offers));
            assertTrue(count.get() > 1);
            for (int i = 0; i < count.get(); i++) {
                assertEquals(offers.getPointer(i).algo() == ALGORITHM ? cudnn.CUDNN_STATUS_SUCCESS
                        : cudnn.CUDNN_STATUS_NOT_SUPPORTED, offers.getPointer(i).status());
            }
        }
        assertEquals(List.of(), standIn.findings(), "what is not offered is no mistake");
    }

    @Test
    void testTensorsOfTwoGigaElements() {
        assertEquals(cudnn.CUDNN_STATUS_NOT_SUPPORTED, tensor(picture, 32, 8192, 8192));
        assertEquals(cudnn.CUDNN_STATUS_SUCCESS, tensor(picture, 32, 8192, 8191));
        assertEquals(List.of(), standIn.findings());
        assertRefused(cudnn.CUDNN_STATUS_BAD_PARAM, "a tensor", () -> tensor(picture, 0, 1, 1));
    }

    @Test
    void testOperandsNeverWritten() {
        final DeviceBuffer nothing = stream.allocate(PIXELS * IN * Float.BYTES);
        x.close();
        x = nothing;
        assertEquals(cudnn.CUDNN_STATUS_SUCCESS, run());
        download();
        assertTrue(standIn.findings().toString().contains("reads memory never written: the picture"),
                standIn.findings().toString());
    }

    private void assertRefused(final int status, final String finding, final IntSupplier call) {
        assertEquals(status, call.getAsInt());
        assertTrue(standIn.findings().toString().contains(finding), standIn.findings().toString());
        standIn.clearFindings();
    }

    private int run() {
        return run(ALGORITHM, workspace.address(), PIXELS * Integer.BYTES, y.address());
    }

    private int run(final int algorithm, final long scratch, final long bytes, final long place) {
        return cudnn.cudnnConvolutionBiasActivationForward(library.handle(), one, picture, new Address(x.address()),
                filter, new Address(w.address()), movement, algorithm, new Address(scratch), bytes, one, result,
                new Address(sum.address()), bias, new Address(added.address()), identity, result, new Address(place));
    }

    private static int tensor(final cudnnTensorStruct tensor, final int channels, final int height, final int width) {
        return cudnn.cudnnSetTensor4dDescriptor(tensor, cudnn.CUDNN_TENSOR_NHWC, cudnn.CUDNN_DATA_FLOAT, 1, channels,
                height, width);
    }

    private void filter(final int format) {
        cudnn.cudnnSetFilter4dDescriptor(filter, cudnn.CUDNN_DATA_FLOAT, format, OUT, IN, 3, 3);
    }

    private void padding(final int pixels) {
        cudnn.cudnnSetConvolution2dDescriptor(movement, pixels, pixels, 1, 1, 1, 1, cudnn.CUDNN_CROSS_CORRELATION,
                cudnn.CUDNN_DATA_FLOAT);
    }

    private DeviceBuffer filled(final int count) {
        final ByteBuffer values = ByteBuffer.allocateDirect(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            values.putFloat(number(i));
        }
        final DeviceBuffer buffer = stream.allocate((long) count * Float.BYTES);
        stream.upload(values.flip(), buffer);
        return buffer;
    }

    private static float number(final int index) {
        return (index * 37 % 101 - 50) / 33f;
    }

    private float[] download() {
        final ByteBuffer values = ByteBuffer.allocateDirect(PIXELS * OUT * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        stream.download(y, values);
        final float[] numbers = new float[PIXELS * OUT];
        values.rewind().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(numbers);
        return numbers;
    }
}
