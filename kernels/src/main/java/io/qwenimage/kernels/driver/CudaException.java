package io.qwenimage.kernels.driver;

/** The CUDA driver refused a call. The message names what was asked, the device, and the driver's error. */
public class CudaException extends RuntimeException {
    private final int code;
    private final String name;

    /**
     * @param message complete, with the driver's error
     * @param code of {@code CUresult}
     * @param name of {@code CUresult}, for instance {@code CUDA_ERROR_INVALID_VALUE}
     */
    public CudaException(final String message, final int code, final String name) {
        super(message);
        this.code = code;
        this.name = name;
    }

    /** The value of {@code CUresult}. */
    public int code() {
        return code;
    }

    /** The name in {@code CUresult}, for instance {@code CUDA_ERROR_INVALID_VALUE}. */
    public String errorName() {
        return name;
    }
}
