package io.qwenimage.backend.cuda;

/** cuBLASLt refused or failed; the message names the call, the shapes and the status. */
final class CublasException extends RuntimeException {
    CublasException(final String message) {
        super(message);
    }
}
