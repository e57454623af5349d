package io.qwenimage.backend;

/**
 * The device, or a library that drives it, has failed. It is no fault of the data: the same request may succeed when
 * the device works again, see {@link Backend#loss}. The message names what was tried, the device and the error.
 */
public final class DeviceFaultException extends RuntimeException {
    public DeviceFaultException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
