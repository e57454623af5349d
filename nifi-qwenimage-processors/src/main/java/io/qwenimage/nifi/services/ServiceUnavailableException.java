package io.qwenimage.nifi.services;

/**
 * A controller service cannot serve at the moment. It is no fault of the data: the same FlowFile may succeed later. The
 * message names the service, what is wrong and the remedy.
 */
public final class ServiceUnavailableException extends RuntimeException {
    public ServiceUnavailableException(final String message) {
        super(message);
    }

    public ServiceUnavailableException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
