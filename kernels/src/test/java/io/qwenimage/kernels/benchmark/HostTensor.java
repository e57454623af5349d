package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;

/**
 * A tensor on the device with its values on the host, as the device sees them.
 *
 * @param values rounded to the tensor's type
 * @param view of the tensor on the device
 */
record HostTensor(float[] values, TensorView view) {
    /** So many values are drawn; larger tensors repeat them, for drawing takes longer than all the rest. */
    private static final int DRAWN = (1 << 20) + 7;

    /** Normally distributed values around a mean. */
    static HostTensor random(final KernelDevice device, final double mean, final double deviation,
            final ElementType type,
                             final long... shape) {
        long count = 1;
        for (final long size : shape) {
            count *= size;
        }
        final Random random = new Random(count);
        final float[] values = new float[Math.toIntExact(count)];
        final int drawn = Math.min(values.length, DRAWN);
        for (int index = 0; index < drawn; index++) {
            values[index] = KernelDevice.round((float) (mean + deviation * random.nextGaussian()), type);
        }
        for (int index = drawn; index < values.length; index += drawn) {
            System.arraycopy(values, 0, values, index, Math.min(drawn, values.length - index));
        }
        return new HostTensor(values, device.upload(values, type, shape));
    }

    /**
     * @param actual of the kernel
     * @param expected in double precision
     * @param type of the kernel's output
     * @param magnitude of the values that were summed up to it
     */
    static void requireClose(final String name, final float actual, final double expected, final ElementType type,
                             final double magnitude) {
        final double unit = type == ElementType.F32 ? 0x1p-20 : type == ElementType.F16 ? 0x1p-10 : 0x1p-7;
        if (!(Math.abs(actual - expected) <= unit * (Math.abs(expected) + magnitude))) {
            throw new AssertionError(name + " is " + actual + ", not " + expected);
        }
    }
}
