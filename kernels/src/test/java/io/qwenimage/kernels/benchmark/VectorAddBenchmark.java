package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.KernelFunction;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;
import java.util.List;

/** The yardstick for memory: a sum of two vectors, which a device does at the speed of its memory. */
final class VectorAddBenchmark {
    private static final int COUNT = 1 << 26;
    private static final int BLOCK = 512;

    private VectorAddBenchmark() {
    }

    static List<BenchmarkCase> cases() {
        return List.of(new BenchmarkCase("vector_add_f32", "[67108864]", COUNT, 12.0 * COUNT,
                VectorAddBenchmark::prepare));
    }

    private static BenchmarkCase.Prepared prepare(final KernelDevice device) {
        final float[] values = new float[COUNT];
        for (int index = 0; index < COUNT; index++) {
            values[index] = index % 1024;
        }
        final TensorView x = device.upload(values, ElementType.F32, COUNT);
        final TensorView out = device.empty(ElementType.F32, COUNT);
        final KernelFunction kernel = device.cuda().module("vector_add").kernel("vector_add_f32");
        return new BenchmarkCase.Prepared(() -> kernel.launch(device.stream(), LaunchGeometry.of(COUNT / BLOCK, BLOCK),
                new KernelArguments().pointer(x).pointer(x).pointer(out).i32(COUNT)), () -> {
                    final float[] sums = device.download(out);
                    for (int index = 0; index < COUNT; index++) {
                        if (sums[index] != 2 * values[index]) {
                            throw new AssertionError("out[" + index + "] is " + sums[index]);
                        }
                    }
                });
    }
}
