package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.DeviceProperties;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * One line of the benchmark: a kernel at a shape.
 *
 * @param kernel its name, for instance {@code rms_norm_bf16}
 * @param shape and where it occurs: {@code [4296, 3072], image and text tokens at 1024 x 1024}
 * @param operations floating-point operations that the mathematics needs; 0 for a kernel that moves data
 * @param bytes that must cross the device's memory at least: every input read once, every output written once
 * @param runsOn whether the kernel exists for a device
 * @param setup uploads what the kernel needs
 */
public record BenchmarkCase(String kernel, String shape, double operations, double bytes,
                            Predicate<DeviceProperties> runsOn, Function<KernelDevice, Prepared> setup) {
    /** A case for every device. */
    public BenchmarkCase(final String kernel, final String shape, final double operations, final double bytes,
                         final Function<KernelDevice, Prepared> setup) {
        this(kernel, shape, operations, bytes, device -> true, setup);
    }

    /**
     * A kernel with its tensors on the device.
     *
     * @param launch puts the kernel on the device's stream once; it is called many times
     * @param validate throws AssertionError if the output of the last launch is wrong; a sample of rows is enough
     */
    public record Prepared(Runnable launch, Runnable validate) {
    }
}
