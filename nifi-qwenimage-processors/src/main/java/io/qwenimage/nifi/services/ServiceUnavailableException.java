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

    /** A service that nobody has enabled. */
    public static ServiceUnavailableException notEnabled(final String kind, final String identifier) {
        return new ServiceUnavailableException("the " + kind + " " + identifier + " is not enabled; enable it");
    }
}
