package io.qwenimage.kernels.driver;

/**
 * The device's context is beyond use: an error that the driver keeps reporting for every later call, a device that is
 * gone, or a kernel that did not end in time. Nothing can be run or read any more; close the {@link CudaDevice} and
 * open it anew.
 */
public final class DeviceLostException extends CudaException {
    public DeviceLostException(final String message, final int code, final String name) {
        super(message, code, name);
    }
}
