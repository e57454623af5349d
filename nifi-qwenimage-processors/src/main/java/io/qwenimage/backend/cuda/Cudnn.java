package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaStream;
import java.nio.charset.StandardCharsets;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.global.cudnn;

/** A handle of cuDNN, whose calls put their work on one stream. */
final class Cudnn implements AutoCloseable {
    /** Statuses come in groups of a thousand, each named by its first ("cudnnStatus_t" of cuDNN's API). */
    private static final int GROUP = 1000;
    private static final int REASON_BYTES = 256;

    private final cudnnContext handle = new cudnnContext();

    /**
     * Opens the library on the device that is current.
     *
     * @throws CudnnException if it does not open there
     */
    Cudnn(final CudaStream stream) {
        check(cudnn.cudnnCreate(handle), "cudnnCreate");
        try {
            check(cudnn.cudnnSetStream(handle, new Stream(stream.nativeHandle())), "cudnnSetStream");
        } catch (final CudnnException e) {
            close();
            throw e;
        }
    }

    /** Version of the library, such as 9.19.0. */
    static String version() {
        final long version = cudnn.cudnnGetVersion();
        return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
    }

    /** What its calls take first. */
    cudnnContext handle() {
        return handle;
    }

    /** Refuses a status that is not success. */
    static void check(final int status, final String call) {
        if (status != cudnn.CUDNN_STATUS_SUCCESS) {
            throw new CudnnException(call + " failed with " + name(status) + reason(), status);
        }
    }

    /** Whether a call was turned down before anything was put on the stream: not supported, or bad parameters. */
    static boolean isRefusal(final int status) {
        return isOf(status, cudnn.CUDNN_STATUS_NOT_SUPPORTED) || isOf(status, cudnn.CUDNN_STATUS_BAD_PARAM);
    }

    /** Whether memory was lacking, the device's or the host's. */
    static boolean isExhaustion(final int status) {
        return status == cudnn.CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
                || status == cudnn.CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }

    private static boolean isOf(final int status, final int group) {
        return status / GROUP == group / GROUP;
    }

    /** The library's name for a group of statuses, with the number. */
    private static String name(final int status) {
        final String group = switch (status / GROUP * GROUP) {
            case cudnn.CUDNN_STATUS_NOT_INITIALIZED / GROUP * GROUP -> "CUDNN_STATUS_NOT_INITIALIZED";
            case cudnn.CUDNN_STATUS_BAD_PARAM -> "CUDNN_STATUS_BAD_PARAM";
            case cudnn.CUDNN_STATUS_NOT_SUPPORTED -> "CUDNN_STATUS_NOT_SUPPORTED";
            case cudnn.CUDNN_STATUS_INTERNAL_ERROR -> "CUDNN_STATUS_INTERNAL_ERROR";
            case cudnn.CUDNN_STATUS_EXECUTION_FAILED -> "CUDNN_STATUS_EXECUTION_FAILED";
            default -> "status";
        };
        return group + " " + status;
    }

    private static String reason() {
        final byte[] text = new byte[REASON_BYTES];
        cudnn.cudnnGetLastErrorString(text, REASON_BYTES);
        int length = 0;
        while (length < text.length && text[length] != 0) {
            length++;
        }
        final String told = new String(text, 0, length, StandardCharsets.UTF_8).strip();
        return told.isEmpty() ? "" : " (" + told + ")";
    }

    @Override
    public void close() {
        cudnn.cudnnDestroy(handle);
    }

    /** The driver's stream as the runtime's, which is the same. */
    private static final class Stream extends CUstream_st {
        private Stream(final long value) {
            address = value;
        }
    }
}
