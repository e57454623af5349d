package io.qwenimage.backend.cuda;

/** cuBLASLt refused or failed; the message names the call, the shapes and the status. */
final class CublasException extends RuntimeException {
    private final int status;

    CublasException(final String message, final int status) {
        super(message);
        this.status = status;
    }

    /** The library's own number for what went wrong. */
    int status() {
        return status;
    }
}
