package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;

class KernelArgumentsTest {
    @Test
    void testEachLiesAtAMultipleOfItsSize() {
        final KernelArguments arguments = new KernelArguments().i32(1).pointer(2).f32(3).i64(4).i32(5L)
                .optionalPointer(null).struct(new byte[] {7, 8}, 2);
        final ByteBuffer packed = ByteBuffer.wrap(arguments.packed()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(1, packed.getInt(0));
        assertEquals(2, packed.getLong(8));
        assertEquals(3, packed.getFloat(16));
        assertEquals(4, packed.getLong(24));
        assertEquals(5, packed.getInt(32));
        assertEquals(0, packed.getLong(40));
        assertEquals(8, packed.get(49));
        assertEquals(50, arguments.size());
        assertEquals("1, 0x2, 3.0, 4, 5, null, structure of 2 bytes", arguments.toString());
    }

    @Test
    void testWhatIsWidelyAlignedIsPlacedByTheDriver() {
        assertFalse(new KernelArguments().i32(1).pointer(2).struct(new byte[32], 16).placedByDriver());
        final KernelArguments aligned = new KernelArguments().i32(1).struct(new byte[32], 32).pointer(2);
        assertTrue(aligned.placedByDriver());
        assertEquals(List.of(0, 32, 64), aligned.offsets());
    }

    @Test
    void testManyArgumentsGrow() {
        final KernelArguments arguments = new KernelArguments();
        for (int index = 0; index < 512; index++) {
            arguments.i64(index);
        }
        assertEquals(4096, arguments.size());
        assertEquals(511, ByteBuffer.wrap(arguments.packed()).order(ByteOrder.LITTLE_ENDIAN).getLong(511 * 8));
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class, () -> arguments.i32(1));
        assertEquals("more than 4096 bytes of kernel arguments", error.getMessage());
    }

    @Test
    void testCountThatDoesNotFit() {
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                () -> new KernelArguments().i32(1).i32(1L << 31));
        assertEquals("2147483648 does not fit the kernel's 32-bit argument 1", error.getMessage());
    }
}
