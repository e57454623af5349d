package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.driver.DeviceProperties;
import java.util.List;

/**
 * What a device can do at most by its data sheet: dense BF16 products with FP32 accumulation, and memory bandwidth.
 *
 * @param name of the device contains this
 * @param teraflops of the tensor cores in BF16 without sparsity
 * @param gigabytes a second of its memory
 */
public record DevicePeaks(String name, double teraflops, double gigabytes) {
    /** NVIDIA's data sheets; of names that contain each other the longer comes first. */
    private static final List<DevicePeaks> KNOWN = List.of(
            new DevicePeaks("B200", 2250, 8000),
            new DevicePeaks("H200", 989.4, 4800),
            new DevicePeaks("H100 NVL", 835, 3938),
            new DevicePeaks("H100 PCIe", 756, 2039),
            new DevicePeaks("H100", 989.4, 3352),
            new DevicePeaks("A100-SXM4-40GB", 312, 1555),
            new DevicePeaks("A100-PCIE-40GB", 312, 1555),
            new DevicePeaks("A100", 312, 2039),
            new DevicePeaks("L40S", 362, 864),
            new DevicePeaks("RTX 4090", 165.2, 1008),
            new DevicePeaks("RTX 5090", 209.5, 1792));

    /** Peaks of a device; zeros if its name is not known. */
    public static DevicePeaks of(final DeviceProperties device) {
        return KNOWN.stream().filter(peaks -> device.name().contains(peaks.name)).findFirst()
                .orElse(new DevicePeaks(device.name(), 0, 0));
    }
}
