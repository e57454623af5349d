package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TensorMapTest {
    private static final int BF16 = 9;
    private static final int F32 = 7;
    private static final int U8 = 0;

    @Test
    void encodedMapIsReadBack() {
        final byte[] encoded = TensorMap.encodeTiled(BF16, 0x7f00_0000_1000L, new long[] {100, 7, 3}, new long[] {208,
            1456},
            new int[] {64, 4, 2}, new int[] {1, 1, 2}, 0, 3, 2, 1);
        assertEquals(TensorMap.BYTES, encoded.length);
        final TensorMap map = TensorMap.decode(encoded, 0);
        assertEquals(0x7f00_0000_1000L, map.address());
        assertEquals(TensorElement.BF16, map.element());
        assertArrayEquals(new long[] {100, 7, 3}, map.dimensions());
        assertArrayEquals(new long[] {208, 1456}, map.strides());
        assertArrayEquals(new int[] {64, 4, 2}, map.box());
        assertEquals(Swizzle.B128, map.swizzle());
        assertTrue(map.fillsNotANumber());
        assertEquals(64 * 2 * 4, map.transactionBytes(), "the element stride of 2 skips half of the last axis");
    }

    @Test
    void replacedFieldsMakeAMapOutOfZeros() {
        final byte[] memory = new byte[192];
        TensorMap.replace(memory, 64, "global_address", 0, 0x7f00_0000_2000L);
        TensorMap.replace(memory, 64, "rank", 0, 1);
        TensorMap.replace(memory, 64, "elemtype", 0, 10);
        TensorMap.replace(memory, 64, "swizzle_mode", 0, 2);
        TensorMap.replace(memory, 64, "global_stride", 0, 96);
        for (int axis = 0; axis < 2; axis++) {
            TensorMap.replace(memory, 64, "box_dim", axis, axis == 0 ? 32 : 8);
            TensorMap.replace(memory, 64, "global_dim", axis, axis == 0 ? 40 : 11);
            TensorMap.replace(memory, 64, "element_stride", axis, 1);
        }
        final byte[] encoded = TensorMap.encodeTiled(BF16, 0x7f00_0000_2000L, new long[] {40, 11}, new long[] {96},
            new int[] {32, 8}, new int[] {1, 1}, 0, 2, 0, 0);
        assertEquals(TensorMap.decode(encoded, 0), TensorMap.decode(memory, 64));
    }

    @Test
    void anUnfinishedMapIsRefused() {
        assertMessage("global dimension of axis 0 is 0", () -> TensorMap.decode(new byte[128], 0));
    }

    @Test
    void everyRuleOfTheDriverIsKept() {
        assertRefused("global address", BF16, 0x1008, new long[] {64, 8}, new long[] {128}, new int[] {64, 8}, 3);
        assertRefused("global dimension of axis 1 is 0", BF16, 0x1000, new long[] {64, 0}, new long[] {128},
            new int[] {64, 8}, 3);
        assertRefused("global stride of axis 1 is 130", BF16, 0x1000, new long[] {64, 8}, new long[] {130},
            new int[] {64, 8}, 3);
        assertRefused("global stride of axis 1 is 1099511627776", BF16, 0x1000, new long[] {64, 8},
            new long[] {1L << 40},
            new int[] {64, 8}, 3);
        assertRefused("box dimension of axis 1 is 257", BF16, 0x1000, new long[] {64, 8}, new long[] {128},
            new int[] {64, 257}, 3);
        assertRefused("innermost box dimension in bytes is 8", BF16, 0x1000, new long[] {64, 8}, new long[] {128},
            new int[] {4, 8}, 0);
        assertRefused("innermost box dimension in bytes is 256", F32, 0x1000, new long[] {64, 8}, new long[] {256},
            new int[] {64, 8}, 3);
        assertRefused("at most the swizzle's 32", BF16, 0x1000, new long[] {64, 8}, new long[] {128}, new int[] {64,
            8}, 1);
        assertRefused("number of global strides is 2", BF16, 0x1000, new long[] {64, 8}, new long[] {128, 128},
            new int[] {64, 8}, 3);
        assertRefused("tensor rank is 6", BF16, 0x1000, new long[6], new long[5], new int[6], 3);
        assertRefused("swizzle mode 7", BF16, 0x1000, new long[] {64, 8}, new long[] {128}, new int[] {64, 8}, 7);
        assertMessage("element stride of axis 0 is 9", () -> TensorMap.encodeTiled(BF16, 0x1000, new long[] {64},
            new long[0],
            new int[] {64}, new int[] {9}, 0, 0, 0, 0));
        assertMessage("interleave layout is 1", () -> TensorMap.encodeTiled(BF16, 0x1000, new long[] {64}, new long[0],
            new int[] {64}, new int[] {1}, 1, 0, 0, 0));
        assertMessage("floating-point", () -> TensorMap.encodeTiled(U8, 0x1000, new long[] {64}, new long[0],
            new int[] {64}, new int[] {1}, 0, 0, 0, 1));
        assertMessage("CUtensorMapDataType 13", () -> TensorMap.encodeTiled(13, 0x1000, new long[] {64}, new long[0],
            new int[] {64}, new int[] {1}, 0, 0, 0, 0));
    }

    @Test
    void boxFindsItsElements() {
        final TensorMap map = TensorMap.decode(TensorMap.encodeTiled(F32, 0x10000, new long[] {10, 6, 4},
            new long[] {48, 512},
            new int[] {4, 3, 2}, new int[] {1, 2, 1}, 0, 0, 0, 0), 0);
        final TensorBox box = new TensorBox(map, new int[] {8, -1, 3});
        assertEquals(4 * 2 * 2 * 4, map.transactionBytes(), "three rows with a stride of two are two");
        assertEquals(-1, box.globalAddress(0, 0), "row -1 is outside");
        assertEquals(0x10000 + 3 * 512 + 48 + 8 * 4, box.globalAddress(1, 0));
        assertEquals(0x10000 + 3 * 512 + 48 + 9 * 4, box.globalAddress(1, 1));
        assertEquals(-1, box.globalAddress(1, 2), "column 10 is outside");
        assertEquals(-1, box.globalAddress(3, 0), "plane 4 is outside");
        assertEquals(2048 + 16 + 8, box.sharedAddress(2048, 1, 2));
    }

    @Test
    void theInnermostElementStrideHasNoEffect() {
        final TensorMap map = TensorMap.decode(TensorMap.encodeTiled(F32, 0x10000, new long[] {32, 6}, new long[] {128},
            new int[] {8, 4}, new int[] {2, 2}, 0, 0, 0, 0), 0);
        assertEquals(8 * 2 * 4, map.transactionBytes());
        final TensorBox box = new TensorBox(map, new int[] {4, 0});
        assertEquals(0x10000 + 2 * 128 + 7 * 4, box.globalAddress(1, 3));
    }

    @Test
    void rowsMayLieOnEachOther() {
        final TensorMap map = TensorMap.decode(TensorMap.encodeTiled(F32, 0x10000, new long[] {32, 6}, new long[] {0},
            new int[] {8, 4}, new int[] {1, 1}, 0, 0, 0, 0), 0);
        assertEquals(0x10000, new TensorBox(map, new int[] {0, 0}).globalAddress(3, 0));
    }

    @Test
    void theInnermostCoordinateComesToAMultipleOf16Bytes() {
        final TensorMap map = TensorMap.decode(TensorMap.encodeTiled(BF16, 0x10000, new long[] {32, 6},
            new long[] {64}, new int[] {8, 4}, new int[] {1, 1}, 0, 0, 0, 0), 0);
        new TensorBox(map, new int[] {-8, 3});
        new TensorBox(map, new int[] {48, -3});
        assertMessage("the innermost coordinate -1 of a copy is -2 bytes", () -> new TensorBox(map, new int[] {-1, 0}));
        assertMessage("the innermost coordinate 4 of a copy is 8 bytes", () -> new TensorBox(map, new int[] {4, 0}));
    }

    private static void assertRefused(final String part, final int type, final long address, final long[] dimensions,
                                      final long[] strides, final int[] box, final int swizzle) {
        final int[] ones = new int[dimensions.length];
        java.util.Arrays.fill(ones, 1);
        assertMessage(part, () -> TensorMap.encodeTiled(type, address, dimensions, strides, box, ones, 0, swizzle, 0,
            0));
    }

    private static void assertMessage(final String part, final org.junit.jupiter.api.function.Executable executable) {
        final String message = assertThrows(IllegalArgumentException.class, executable).getMessage();
        assertTrue(message.contains(part), message);
    }
}
