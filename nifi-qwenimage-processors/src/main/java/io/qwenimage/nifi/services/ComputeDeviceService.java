package io.qwenimage.nifi.services;

import org.apache.nifi.controller.ControllerService;

/** Owns a device, its memory budget, and the queue of those who want to compute on it. */
public interface ComputeDeviceService extends ControllerService {
    /**
     * Takes hold of the device, for as long as weights are to stay on it. Does not wait and gives no right to compute:
     * that is what {@link DeviceLease#permit} is for.
     *
     * @return to be closed by the caller, whether or not the service was disabled meanwhile
     * @throws ServiceUnavailableException if the service is not enabled or the device cannot be opened
     */
    DeviceLease acquire();
}
