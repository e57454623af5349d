package io.qwenimage.kernels.standin;

import jcuda.driver.CUresult;

/** Names and texts of the driver's errors, as {@code cuGetErrorName} and {@code cuGetErrorString} give them. */
final class ErrorTexts {
    private ErrorTexts() {
    }

    static String name(final int result) {
        final String name = CUresult.stringFor(result);
        return name.startsWith("INVALID") ? null : name;
    }

    static String text(final int result) {
        return switch (result) {
            case CUresult.CUDA_SUCCESS -> "no error";
            case CUresult.CUDA_ERROR_INVALID_VALUE -> "invalid argument";
            case CUresult.CUDA_ERROR_OUT_OF_MEMORY -> "out of memory";
            case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE -> "CUDA-capable device(s) is/are busy or unavailable";
            case CUresult.CUDA_ERROR_NO_DEVICE -> "no CUDA-capable device is detected";
            case CUresult.CUDA_ERROR_INVALID_DEVICE -> "invalid device ordinal";
            case CUresult.CUDA_ERROR_INVALID_IMAGE -> "device kernel image is invalid";
            case CUresult.CUDA_ERROR_INVALID_CONTEXT -> "invalid device context";
            case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU -> "no kernel image is available for execution on the device";
            case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE -> "uncorrectable ECC error encountered";
            case CUresult.CUDA_ERROR_INVALID_PTX -> "a PTX JIT compilation failed";
            case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION ->
                    "the provided PTX was compiled with an unsupported toolchain.";
            case CUresult.CUDA_ERROR_INVALID_HANDLE -> "invalid resource handle";
            case CUresult.CUDA_ERROR_NOT_FOUND -> "named symbol not found";
            case CUresult.CUDA_ERROR_NOT_READY -> "device not ready";
            case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS -> "an illegal memory access was encountered";
            case CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES -> "too many resources requested for launch";
            case CUresult.CUDA_ERROR_LAUNCH_TIMEOUT -> "the launch timed out and was terminated";
            case CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED -> "context is destroyed";
            case CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION -> "an illegal instruction was encountered";
            case CUresult.CUDA_ERROR_MISALIGNED_ADDRESS -> "misaligned address";
            case CUresult.CUDA_ERROR_LAUNCH_FAILED -> "unspecified launch failure";
            case CUresult.CUDA_ERROR_NOT_SUPPORTED -> "operation not supported";
            case CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED -> "operation not permitted when stream is capturing";
            case CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED ->
                    "operation failed due to a previous error during capture";
            case CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION ->
                    "dependency created on uncaptured work in another stream";
            case CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED -> "capturing stream has unjoined work";
            case CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED -> "the capture was not initiated in this stream";
            case CUresult.CUDA_ERROR_CAPTURED_EVENT -> "operation not permitted on an event last recorded in a "
                    + "capturing stream";
            case CUresult.CUDA_ERROR_UNKNOWN -> "unknown error";
            default -> name(result) == null ? null : "error " + result;
        };
    }
}
