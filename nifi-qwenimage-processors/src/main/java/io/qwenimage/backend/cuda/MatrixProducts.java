package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.DeviceMemoryException;
import io.qwenimage.kernels.driver.MemoryPool;
import io.qwenimage.tensor.DType;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.cuda.cublas.cublasLtContext;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Matrix products through cuBLASLt: D = epilogue(X W^T + bias) + residual for row-major matrices. The algorithm is
 * chosen once for each shape and remembered. Accumulation is in F32, whatever the elements are; F32 elements are not
 * rounded to TF32.
 *
 * <p>cuBLASLt counts columns first: a row-major matrix [rows, columns] is its [columns, rows]. So the product asked of
 * it is D^T [out, L] = W [out, in] X^T [in, L].
 */
final class MatrixProducts implements AutoCloseable {
    /** What NVIDIA recommends for Hopper; smaller devices need less of it. */
    private static final long WORKSPACE_BYTES = 32L << 20;

    /** What is added to the product within the same pass. */
    enum Epilogue {
        /** Nothing. */
        NONE(cublas.CUBLASLT_EPILOGUE_DEFAULT),
        /** A bias for each output column. */
        BIAS(cublas.CUBLASLT_EPILOGUE_BIAS),
        /** GELU in its tanh form. */
        GELU_TANH(cublas.CUBLASLT_EPILOGUE_GELU),
        /** A bias, then GELU in its tanh form. */
        BIAS_GELU_TANH(cublas.CUBLASLT_EPILOGUE_GELU_BIAS);

        private final int code;

        Epilogue(final int code) {
            this.code = code;
        }

        /** The library's number for it. */
        int code() {
            return code;
        }

        /** Whether a bias is added. */
        boolean hasBias() {
            return this == BIAS || this == BIAS_GELU_TANH;
        }
    }

    /**
     * A shape for which an algorithm is remembered.
     *
     * @param rows     L
     * @param in       width of x
     * @param out      width of the result
     * @param type     of all elements
     * @param residual whether one is added
     * @param aligned  whether every address is a multiple of 16 bytes
     */
    record Shape(long rows, long in, long out, DType type, Epilogue epilogue, boolean residual, boolean aligned) {
    }

    private final CudaStream stream;
    private final cublasLtContext handle = new cublasLtContext();
    private final DeviceBuffer workspace;
    private final Map<Shape, MatrixPlan> plans = new HashMap<>();
    private final FloatPointer one = new FloatPointer(1f);
    private final FloatPointer zero = new FloatPointer(0f);
    private boolean closed;

    /**
     * Opens the library on the device that is current.
     *
     * @param stream that all products run on
     */
    MatrixProducts(final CudaStream stream) {
        this.stream = stream;
        workspace = workspace(stream);
        check(cublas.cublasLtCreate(handle), "cublasLtCreate");
    }

    private static DeviceBuffer workspace(final CudaStream stream) {
        try {
            return stream.allocate(WORKSPACE_BYTES);
        } catch (final DeviceMemoryException e) {
            throw new IllegalStateException("cuBLASLt needs memory for itself: " + e.getMessage(), e);
        }
    }

    /** Version of the library, such as 13.1.0. */
    static String version() {
        final long version = cublas.cublasLtGetVersion();
        return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
    }

    /** What the library's algorithms have for themselves as long as this is open, in bytes of the pool. */
    long workspaceBytes() {
        return closed ? 0 : MemoryPool.blockBytes(WORKSPACE_BYTES);
    }

    /** Whether the library has an algorithm for a shape. */
    boolean supports(final Shape shape) {
        return plan(shape).isSupported();
    }

    /**
     * Puts a product on the stream.
     *
     * @param x        address of [rows, in]
     * @param weight   address of [out, in]
     * @param bias     address of [out]; ignored if the epilogue has none
     * @param residual address of [rows, out], or 0 for none
     * @param result   address of [rows, out]
     * @throws CublasException if the library has no algorithm for the shape or fails
     */
    void run(final Shape shape, final long x, final long weight, final long bias, final long residual,
            final long result) {
        final MatrixPlan plan = plan(shape);
        if (!plan.isSupported()) {
            throw new CublasException("cuBLASLt " + version() + " has no algorithm for " + shape,
                    cublas.CUBLAS_STATUS_NOT_SUPPORTED);
        }
        plan.bias(bias);
        final Address d = new Address(result);
        check(cublas.cublasLtMatmul(handle, plan.operation(), one, new Address(weight), plan.weightLayout(),
                new Address(x), plan.xLayout(), residual == 0 ? zero : one, residual == 0 ? d : new Address(residual),
                plan.resultLayout(), d, plan.resultLayout(), plan.algorithm(), new Address(workspace.address()),
                plan.workspaceBytes(), new Stream(stream.nativeHandle())), "cublasLtMatmul of " + shape);
    }

    private MatrixPlan plan(final Shape shape) {
        return plans.computeIfAbsent(shape,
                wanted -> new MatrixPlan(handle, wanted, workspace.address(), WORKSPACE_BYTES));
    }

    /** Refuses a status that is not success. */
    static void check(final int status, final String call) {
        if (status != cublas.CUBLAS_STATUS_SUCCESS) {
            throw new CublasException(call + " failed with " + name(status), status);
        }
    }

    /** The library's name for a status. */
    static String name(final int status) {
        return switch (status) {
            case cublas.CUBLAS_STATUS_NOT_INITIALIZED -> "CUBLAS_STATUS_NOT_INITIALIZED";
            case cublas.CUBLAS_STATUS_ALLOC_FAILED -> "CUBLAS_STATUS_ALLOC_FAILED";
            case cublas.CUBLAS_STATUS_INVALID_VALUE -> "CUBLAS_STATUS_INVALID_VALUE";
            case cublas.CUBLAS_STATUS_ARCH_MISMATCH -> "CUBLAS_STATUS_ARCH_MISMATCH";
            case cublas.CUBLAS_STATUS_EXECUTION_FAILED -> "CUBLAS_STATUS_EXECUTION_FAILED";
            case cublas.CUBLAS_STATUS_INTERNAL_ERROR -> "CUBLAS_STATUS_INTERNAL_ERROR";
            case cublas.CUBLAS_STATUS_NOT_SUPPORTED -> "CUBLAS_STATUS_NOT_SUPPORTED";
            default -> "status " + status;
        };
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        plans.values().forEach(MatrixPlan::close);
        cublas.cublasLtDestroy(handle);
        workspace.close();
        one.close();
        zero.close();
    }

    /** An address in the device's memory. */
    private static final class Address extends Pointer {
        private Address(final long value) {
            address = value;
        }
    }

    /** The driver's stream as the runtime's, which is the same. */
    private static final class Stream extends CUstream_st {
        private Stream(final long value) {
            address = value;
        }
    }
}
