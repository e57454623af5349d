package io.qwenimage.weights;

/** A checkpoint is missing something, is damaged or does not fit its configuration; the message names what and how to mend it. */
public final class WeightException extends RuntimeException {
    public WeightException(final String message) {
        super(message);
    }

    public WeightException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
