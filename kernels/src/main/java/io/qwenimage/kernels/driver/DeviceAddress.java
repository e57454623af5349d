package io.qwenimage.kernels.driver;

import jcuda.driver.CUdeviceptr;

/** JCuda's device pointer, made from and read as a number. */
final class DeviceAddress extends CUdeviceptr {
    DeviceAddress() {
    }

    DeviceAddress(final long value) {
        super(new CUdeviceptr(), value);
    }

    long value() {
        return getNativePointer() + getByteOffset();
    }
}
