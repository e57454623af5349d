package io.qwenimage.nifi.services.standard;

import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import org.apache.nifi.controller.AbstractControllerService;

/** A service over a device that the test owns. */
final class FakeDeviceService extends AbstractControllerService implements ComputeDeviceService {
    private final SharedDevice device;
    private RuntimeException refusal;

    FakeDeviceService(final SharedDevice device) {
        this.device = device;
    }

    /** Hands out nothing from now on. */
    void refuse(final RuntimeException reason) {
        refusal = reason;
    }

    void retire() {
        device.retire();
    }

    @Override
    public DeviceLease acquire() {
        if (refusal != null) {
            throw refusal;
        }
        return device.lease();
    }
}
