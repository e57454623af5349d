package io.qwenimage.backend.cuda;

import java.util.UUID;

/**
 * A GPU of this machine, as the driver describes it.
 *
 * @param ordinal           its number, from 0
 * @param name              as NVIDIA names it
 * @param uuid              stays the same when devices are numbered anew
 * @param computeCapability such as 9.0
 * @param memoryBytes       size of its memory
 * @param driver            version of CUDA that the driver is for, such as 13.1
 */
public record CudaGpu(int ordinal, String name, UUID uuid, String computeCapability, long memoryBytes, String driver) {
    /** Number, name and identity, as messages name the device. */
    public String title() {
        return ordinal + ": " + name + " (GPU-" + uuid + ")";
    }
}
