package io.qwenimage.pipeline;

/**
 * The input is at fault: a prompt, a size, a bundle. The same input fails again, so it belongs on a failure
 * relationship. The message names the thing, the value and the remedy.
 */
public final class DataException extends RuntimeException {
    public DataException(final String message) {
        super(message);
    }

    public DataException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
