package io.qwenimage.backend.cuda;

/** cuDNN failed; the message names the call, the shapes and the status. */
final class CudnnException extends RuntimeException {
    private final int status;

    CudnnException(final String message, final int status) {
        super(message);
        this.status = status;
    }

    /** The library's own number for what went wrong. */
    int status() {
        return status;
    }
}
