package io.qwenimage.kernels.driver;

import java.util.UUID;

/**
 * What a device says of itself.
 *
 * @param ordinal its number among the devices that the process sees
 * @param name as NVIDIA names it, for instance "NVIDIA H100 80GB HBM3"
 * @param uuid stays the same when devices are numbered anew
 * @param capability its compute capability
 * @param memoryBytes size of its memory
 * @param multiprocessors number of streaming multiprocessors
 * @param sharedBytesPerBlock shared memory that a block may have without asking
 * @param sharedBytesPerBlockOptIn shared memory that a block may have if its kernel asks for it
 * @param l2Bytes size of the L2 cache
 * @param driverVersion of the CUDA driver API, for instance 13000 for 13.0
 */
public record DeviceProperties(int ordinal, String name, UUID uuid, ComputeCapability capability, long memoryBytes,
                               int multiprocessors, int sharedBytesPerBlock, int sharedBytesPerBlockOptIn, long l2Bytes,
                               int driverVersion) {
    /** Name, number and capability, as messages name the device. */
    public String title() {
        return name + " (device " + ordinal + ", compute capability " + capability + ")";
    }
}
