package io.qwenimage.kernels.driver;

/** CUDA is not offered on this machine; the message says in one sentence why, and what would help. */
public final class CudaUnavailableException extends RuntimeException {
    public CudaUnavailableException(final String message) {
        super(message);
    }

    public CudaUnavailableException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
