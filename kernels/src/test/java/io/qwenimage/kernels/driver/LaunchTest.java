package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.KernelTest;
import io.qwenimage.kernels.Poses;
import java.util.Random;
import org.junit.jupiter.api.Test;

@KernelTest
class LaunchTest {
    @Test
    void testRunVectorAdd(final KernelDevice device) {
        final int count = 1000;
        final TensorView x = device.random(new Random(1), 1, ElementType.F32, count);
        final TensorView y = device.random(new Random(2), 1, ElementType.F32, count);
        final TensorView out = device.empty(ElementType.F32, count);
        device.cuda().module("vector_add").kernel("vector_add_f32").launch(device.stream(), LaunchGeometry.of(8, 128),
                new KernelArguments().pointer(x).pointer(y).pointer(out).i32(count));
        final float[] left = device.download(x);
        final float[] right = device.download(y);
        final float[] expected = new float[count];
        for (int index = 0; index < count; index++) {
            expected[index] = left[index] + right[index];
        }
        assertArrayEquals(expected, device.download(out));
    }

    @Test
    @Poses(major = 9)
    void testRunOnHopper(final KernelDevice device) {
        final TensorView x = device.upload(new float[] {1, 2, 3, 4}, ElementType.F32, 4);
        final TensorView out = device.empty(ElementType.F32, 2);
        final KernelModule module = device.cuda().module("vector_add");
        module.kernel("block_sum_f32").launch(device.stream(), LaunchGeometry.of(2, 1, 1, 2, 8),
                new KernelArguments().pointer(x).pointer(out));
        assertArrayEquals(new float[] {3, 7}, device.download(out));
        assertEquals("vector_add.sm_90a.cubin", module.image());
    }
}
