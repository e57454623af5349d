package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class RowKernelsTest {
    /** Accesses of 16, 8, 4, 2 and 1 bytes, by width and by where rows begin. */
    @ParameterizedTest
    @CsvSource({"BF16,5,3072,0", "BF16,5,1500,4", "F32,3,131,1", "BF16,3,131,0", "U8,4,1001,3", "BF16,1,8,0",
            "F32,9000,1,0"})
    void testCopyIntoABufferThatHoldsMore(final ElementType type, final int rows, final int width, final int column,
            final KernelDevice device) {
        final TensorView from = device.upload(numbers(rows * width, type), type, rows, width);
        final TensorView whole = device.zeros(type, rows + 2, width + column + 16);
        final TensorView to = whole.slice(0, 1, rows + 1).slice(1, column, column + width);
        new RowKernels(device.cuda()).copy(device.stream(), from, to);
        assertArrayEquals(device.download(from), device.download(to));
        double rest = 0;
        for (final float value : device.download(whole)) {
            rest += value;
        }
        for (final float value : device.download(to)) {
            rest -= value;
        }
        assertEquals(0, rest, "bytes around the rows");
    }

    @ParameterizedTest
    @CsvSource({"BF16,50,3584,9", "F32,7,33,20", "BF16,3,5,1"})
    void testGather(final ElementType type, final int entries, final int width, final int count,
            final KernelDevice device) {
        final float[] table = numbers(entries * width, type);
        final int[] ids = new Random(width).ints(count, 0, entries).toArray();
        ids[0] = entries - 1;
        final TensorView out = device.empty(type, count, width);
        new RowKernels(device.cuda()).gather(device.stream(), device.upload(table, type, entries, width),
                device.upload(ids, count), out);
        final float[] expected = new float[count * width];
        for (int i = 0; i < count; i++) {
            System.arraycopy(table, ids[i] * width, expected, i * width, width);
        }
        assertArrayEquals(expected, device.download(out));
    }

    @ParameterizedTest
    @CsvSource({"BF16,3,5,96", "F32,2,3,7", "BF16,1,1,3", "BF16,4,130,8", "U8,3,3,3"})
    void testUpsampleNearest(final ElementType type, final int height, final int width, final int channels,
            final KernelDevice device) {
        final float[] x = numbers(height * width * channels, type);
        final TensorView out = device.empty(type, 2L * height, 2L * width, channels);
        new RowKernels(device.cuda()).upsampleNearest(device.stream(), device.upload(x, type, height, width, channels),
                out);
        final float[] expected = new float[4 * x.length];
        for (int i = 0; i < expected.length; i++) {
            final int column = i / channels % (2 * width);
            final int row = i / channels / (2 * width);
            expected[i] = x[(row / 2 * width + column / 2) * channels + i % channels];
        }
        assertArrayEquals(expected, device.download(out));
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final RowKernels kernels = new RowKernels(device.cuda());
        final TensorView x = device.zeros(ElementType.BF16, 4, 8);
        final TensorView other = device.zeros(ElementType.F32, 4, 8);
        final TensorView ids = device.zeros(ElementType.I32, 3);
        assertThrows(IllegalArgumentException.class, () -> kernels.copy(device.stream(), x, other));
        assertThrows(IllegalArgumentException.class, () -> kernels.copy(device.stream(), x, x.slice(0, 0, 3)));
        assertThrows(IllegalArgumentException.class, () -> kernels.gather(device.stream(), x, ids, x));
        assertThrows(IllegalArgumentException.class, () -> kernels.upsampleNearest(device.stream(),
                x.reshape(2, 2, 8), x.reshape(2, 2, 8)));
    }

    /** Whole numbers that every type holds. */
    private static float[] numbers(final int count, final ElementType type) {
        final float[] result = new float[count];
        for (int i = 0; i < count; i++) {
            result[i] = type == ElementType.F32 ? i + 1 : i * 31 % 251 + 1;
        }
        return result;
    }
}
