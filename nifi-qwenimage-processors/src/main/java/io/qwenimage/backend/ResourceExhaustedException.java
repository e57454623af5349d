package io.qwenimage.backend;

/**
 * Memory or another resource of the device is spent. It is no fault of the data: the same request may succeed later
 * or on a larger device. The message names what was asked, what was free and what would help.
 */
public final class ResourceExhaustedException extends RuntimeException {
    public ResourceExhaustedException(final String message) {
        super(message);
    }

    public ResourceExhaustedException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
