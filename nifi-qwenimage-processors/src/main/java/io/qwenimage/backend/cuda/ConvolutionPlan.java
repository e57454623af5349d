package io.qwenimage.backend.cuda;

import io.qwenimage.tensor.DType;
import java.util.Optional;
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

/**
 * The descriptors of one shape of convolution, and what its algorithm needs.
 *
 * <p>The algorithm is an implicit matrix product with offsets computed before: the only one for filters whose channels
 * come last, the only one that a bias without an activation can follow in the same pass (both by
 * {@code cudnnConvolutionForward} and {@code cudnnConvolutionBiasActivationForward} in NVIDIA's "cuDNN Backend API"),
 * one that runs on tensor cores ("Legacy API" in NVIDIA's "cuDNN Developer Guide"), and one that gives the same sums at
 * every run. What is to be found out is whether the library has it for this shape and device.
 */
@SuppressWarnings("deprecation") // cuDNN 9 has these calls in every version, and prefers its graphs for new work.
final class ConvolutionPlan implements AutoCloseable {
    private static final int ALGORITHM = cudnn.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    private static final int PICTURES = 1;

    private final Cudnn library;
    private final Convolutions.Geometry shape;
    private final cudnnTensorStruct picture = new cudnnTensorStruct();
    private final cudnnFilterStruct filter = new cudnnFilterStruct();
    private final cudnnConvolutionStruct movement = new cudnnConvolutionStruct();
    private final cudnnTensorStruct bias = new cudnnTensorStruct();
    private final cudnnActivationStruct identity = new cudnnActivationStruct();
    private final cudnnTensorStruct result = new cudnnTensorStruct();
    private final FloatPointer one = new FloatPointer(1f);
    private final FloatPointer zero = new FloatPointer(0f);
    private long workspaceBytes;
    private boolean fuses = true;
    private String refusal;

    /**
     * Describes a shape and asks the library for its algorithm. Whatever it answers, nothing is thrown: a shape that it
     * does not plan is one that it does not serve.
     *
     * @param mostWorkspace bytes that the algorithm may take
     */
    ConvolutionPlan(final Cudnn library, final Convolutions.Geometry shape, final long mostWorkspace) {
        this.library = library;
        this.shape = shape;
        try {
            describe();
            choose(mostWorkspace);
        } catch (final CudnnException e) {
            refusal = e.getMessage();
        }
    }

    private void describe() {
        final int type = shape.type() == DType.BF16 ? cudnn.CUDNN_DATA_BFLOAT16 : cudnn.CUDNN_DATA_FLOAT;
        final int format = cudnn.CUDNN_TENSOR_NHWC;
        Cudnn.check(cudnn.cudnnCreateTensorDescriptor(picture), "cudnnCreateTensorDescriptor");
        Cudnn.check(cudnn.cudnnCreateFilterDescriptor(filter), "cudnnCreateFilterDescriptor");
        Cudnn.check(cudnn.cudnnCreateConvolutionDescriptor(movement), "cudnnCreateConvolutionDescriptor");
        Cudnn.check(cudnn.cudnnCreateTensorDescriptor(bias), "cudnnCreateTensorDescriptor");
        Cudnn.check(cudnn.cudnnCreateActivationDescriptor(identity), "cudnnCreateActivationDescriptor");
        Cudnn.check(cudnn.cudnnCreateTensorDescriptor(result), "cudnnCreateTensorDescriptor");
        Cudnn.check(cudnn.cudnnSetTensor4dDescriptor(picture, format, type, PICTURES, shape.in(), shape.height(),
                shape.width()), "cudnnSetTensor4dDescriptor of the picture of " + shape);
        Cudnn.check(cudnn.cudnnSetFilter4dDescriptor(filter, type, format, shape.out(), shape.in(),
                shape.windowHeight(), shape.windowWidth()), "cudnnSetFilter4dDescriptor of " + shape);
        Cudnn.check(cudnn.cudnnSetConvolution2dDescriptor(movement, shape.padHeight(), shape.padWidth(),
                shape.stride(), shape.stride(), 1, 1, cudnn.CUDNN_CROSS_CORRELATION, cudnn.CUDNN_DATA_FLOAT),
                "cudnnSetConvolution2dDescriptor of " + shape);
        // Single precision is asked for where digits count: none of them go to TF32.
        Cudnn.check(cudnn.cudnnSetConvolutionMathType(movement, shape.type() == DType.F32 ? cudnn.CUDNN_FMA_MATH
                : cudnn.CUDNN_TENSOR_OP_MATH), "cudnnSetConvolutionMathType");
        Cudnn.check(cudnn.cudnnSetTensor4dDescriptor(bias, format, type, 1, shape.out(), 1, 1),
                "cudnnSetTensor4dDescriptor of the bias of " + shape);
        Cudnn.check(cudnn.cudnnSetActivationDescriptor(identity, cudnn.CUDNN_ACTIVATION_IDENTITY,
                cudnn.CUDNN_NOT_PROPAGATE_NAN, 0), "cudnnSetActivationDescriptor");
        Cudnn.check(cudnn.cudnnSetTensor4dDescriptor(result, format, type, PICTURES, shape.out(), shape.outHeight(),
                shape.outWidth()), "cudnnSetTensor4dDescriptor of the result of " + shape);
    }

    private void choose(final long mostWorkspace) {
        try (IntPointer count = new IntPointer(1).put(0); SizeTPointer bytes = new SizeTPointer(1);
                cudnnConvolutionFwdAlgoPerf_t offers =
                        new cudnnConvolutionFwdAlgoPerf_t(cudnn.CUDNN_CONVOLUTION_FWD_ALGO_COUNT)) {
            Cudnn.check(cudnn.cudnnGetConvolutionForwardAlgorithm_v7(library.handle(), picture, filter, movement,
                    result, cudnn.CUDNN_CONVOLUTION_FWD_ALGO_COUNT, count, offers),
                    "cudnnGetConvolutionForwardAlgorithm_v7 for " + shape);
            if (!isAmong(offers, count.get())) {
                refusal = "cuDNN has no implicit matrix product for " + shape;
                return;
            }
            Cudnn.check(cudnn.cudnnGetConvolutionForwardWorkspaceSize(library.handle(), picture, filter, movement,
                    result, ALGORITHM, bytes), "cudnnGetConvolutionForwardWorkspaceSize for " + shape);
            workspaceBytes = bytes.get();
            if (workspaceBytes > mostWorkspace) {
                refusal = "cuDNN takes " + workspaceBytes + " bytes beside " + shape;
            }
        }
    }

    private static boolean isAmong(final cudnnConvolutionFwdAlgoPerf_t offers, final int count) {
        for (int i = 0; i < count; i++) {
            final cudnnConvolutionFwdAlgoPerf_t offer = offers.getPointer(i);
            if (offer.algo() == ALGORITHM && offer.status() == cudnn.CUDNN_STATUS_SUCCESS
                    && offer.determinism() == cudnn.CUDNN_DETERMINISTIC) {
                return true;
            }
        }
        return false;
    }

    /** Why the library does not serve this shape; empty if it does. */
    Optional<String> refusal() {
        return Optional.ofNullable(refusal);
    }

    /** What the algorithm writes to while it runs. */
    long workspaceBytes() {
        return workspaceBytes;
    }

    /**
     * Puts a convolution on the stream: y = x * w + bias + sum, or y = x * w where there is no bias or the library does
     * not add one to this shape. What it turns down is remembered.
     *
     * @param x         address of [H, W, in]
     * @param w         address of [out, height, width, in]
     * @param added     address of the bias [out], or 0 for none
     * @param sum       address of [H', W', out], or 0 for none
     * @param y         address of [H', W', out]
     * @param workspace address of as many bytes as it takes
     * @throws CudnnException if the library fails
     */
    Convolutions.Served run(final long x, final long w, final long added, final long sum, final long y,
            final long workspace) {
        if (added != 0 && fuses) {
            // Without a sum its factor is zero, and it is not read.
            refusal = refusal(cudnn.cudnnConvolutionBiasActivationForward(library.handle(), one, picture,
                    new Address(x), filter, new Address(w), movement, ALGORITHM, new Address(workspace),
                    workspaceBytes, sum == 0 ? zero : one, result, new Address(sum == 0 ? y : sum), bias,
                    new Address(added), identity, result, new Address(y)));
            if (refusal == null) {
                return Convolutions.Served.EVERYTHING;
            }
            fuses = false;
        }
        refusal = refusal(cudnn.cudnnConvolutionForward(library.handle(), one, picture, new Address(x), filter,
                new Address(w), movement, ALGORITHM, new Address(workspace), workspaceBytes, zero, result,
                new Address(y)));
        return refusal == null ? Convolutions.Served.PRODUCTS : Convolutions.Served.NOTHING;
    }

    /** Why a call was turned down, or null if it succeeded; whatever else it answered is a failure. */
    private String refusal(final int status) {
        try {
            Cudnn.check(status, "a convolution of " + shape);
            return null;
        } catch (final CudnnException e) {
            if (Cudnn.isRefusal(status)) {
                return e.getMessage();
            }
            throw e;
        }
    }

    @Override
    public void close() {
        destroy(picture, () -> cudnn.cudnnDestroyTensorDescriptor(picture));
        destroy(filter, () -> cudnn.cudnnDestroyFilterDescriptor(filter));
        destroy(movement, () -> cudnn.cudnnDestroyConvolutionDescriptor(movement));
        destroy(bias, () -> cudnn.cudnnDestroyTensorDescriptor(bias));
        destroy(identity, () -> cudnn.cudnnDestroyActivationDescriptor(identity));
        destroy(result, () -> cudnn.cudnnDestroyTensorDescriptor(result));
        one.close();
        zero.close();
    }

    private static void destroy(final Pointer descriptor, final Runnable destruction) {
        if (!descriptor.isNull()) {
            destruction.run();
        }
    }

    /** An address in the device's memory. */
    private static final class Address extends Pointer {
        private Address(final long value) {
            address = value;
        }
    }
}
