package io.qwenimage.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.dnnl.global.dnnl;
import org.junit.jupiter.api.Test;

/** The code in listings; what products compute with it is compared with float64 where all products are. */
class MachineCodeTest {
    @Test
    void runsWhereTheProcessorDoes() {
        try (CpuBackend backend = CpuBackend.open(CpuOptions.defaults())) {
            final int needed = dnnl.dnnl_cpu_isa_avx2;
            assumeTrue((dnnl.dnnl_get_effective_cpu_isa() & needed) == needed && com.sun.jna.Platform.isLinux(),
                    "this is no Linux on a CPU with AVX2");
            try (BrainFloatProduct product = BrainFloatProduct.open()) {
                assertNotNull(product);
            }
            assertNotNull(backend.describe());
        }
    }

    /** Small whole numbers: every sum is exact, so that a column that is lost, shifted or read twice shows. */
    @Test
    void everyColumnHasItsOwnSum() {
        final int inner = 64;
        for (final int columns : new int[] {4, 5, 31, 32, 33, 1024, 1027, 4099}) {
            final ByteBuffer bits = ByteBuffer.allocateDirect(2 * inner * columns).order(ByteOrder.LITTLE_ENDIAN);
            final float[] x = new float[inner];
            final float[] expected = new float[columns];
            for (int i = 0; i < inner; i++) {
                x[i] = i % 7 - 3;
            }
            for (int column = 0; column < columns; column++) {
                for (int i = 0; i < inner; i++) {
                    final float value = (column * 31 + i * 17) % 127 - 63;
                    bits.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
                    expected[column] += x[i] * value;
                }
            }
            try (CpuBackend backend = CpuBackend.open(CpuOptions.defaults().withThreads(2)
                    .withArithmetic(CpuOptions.Arithmetic.SINGLE)); Arena arena = backend.openArena("test")) {
                final HostTensor product = backend.download(backend.linear(arena,
                        backend.upload(arena, HostTensor.ofFloats(Shape.of(1, inner), x)),
                        backend.weight(arena, new HostTensor(Shape.of(columns, inner), DType.BF16, bits.flip()),
                                WeightRole.LINEAR), null, Activation.NONE, null));
                assertEquals(HostTensor.ofFloats(Shape.of(1, columns), expected).bytes(), product.bytes(),
                        columns + " columns");
            }
        }
    }
}
