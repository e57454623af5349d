package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TensorViewTest {
    private static final TensorView MATRIX = TensorView.of(1024, ElementType.BF16, 6, 40);

    @Test
    void testContiguous() {
        assertArrayEquals(new long[] {40, 1}, MATRIX.strides());
        assertEquals(240, MATRIX.elements());
        assertEquals(2, MATRIX.rank());
        assertEquals(40, MATRIX.size(-1));
        assertEquals(40, MATRIX.stride(0));
        assertEquals("BF16[6, 40]", MATRIX.toString());
        assertEquals(1, TensorView.of(0, ElementType.F32).elements());
        assertEquals(0, TensorView.of(0, ElementType.F32, 3, 0).elements());
    }

    @Test
    void testSlice() {
        final TensorView columns = MATRIX.slice(1, 8, 16);
        assertEquals(1024 + 16, columns.address());
        assertArrayEquals(new long[] {6, 8}, columns.shape());
        assertFalse(columns.isContiguous());
        assertTrue(MATRIX.slice(0, 2, 4).isContiguous());
        assertTrue(columns.slice(0, 5, 6).isContiguous());
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class, () ->
                MATRIX.slice(0, 4, 7));
        assertEquals("slice 4 to 7 along axis 0 of BF16[6, 40]", error.getMessage());
    }

    @Test
    void testReshape() {
        assertArrayEquals(new long[] {10, 1}, MATRIX.reshape(24, 10).strides());
        assertEquals("BF16[6, 40] cannot be seen as [7, 40]",
                assertThrows(IllegalArgumentException.class, () -> MATRIX.reshape(7, 40)).getMessage());
        assertThrows(IllegalArgumentException.class, () -> MATRIX.slice(1, 0, 8).reshape(48));
    }

    @Test
    void testRequirements() {
        assertSame(MATRIX, MATRIX.requireType("x", ElementType.F16, ElementType.BF16).requireShape("x", -1, 40)
                .requireContiguous("x").requireRows("x").requireAlignment("x", 16));
        refuse("x is BF16[6, 40], but must be of [F32]", () -> MATRIX.requireType("x", ElementType.F32));
        refuse("x is BF16[6, 40], but must have the shape [any, 41]", () -> MATRIX.requireShape("x", -1, 41));
        refuse("x is BF16[6, 40], but must have the shape [6]", () -> MATRIX.requireShape("x", 6));
        final TensorView columns = MATRIX.slice(1, 4, 12);
        refuse("y is BF16[6, 8] with strides [40, 1], but must be contiguous", () -> columns.requireContiguous("y"));
        refuse("y is BF16[6, 8] at address 0x408, but must begin at a multiple of 16 bytes",
                () -> columns.requireAlignment("y", 16));
        refuse("z is F32[2, 4] with strides [5, 1], but stride 0 must be a multiple of 16 bytes",
                () -> new TensorView(0, ElementType.F32, new long[] {2, 4}, new long[] {5, 1}).requireAlignment("z",
                16));
        refuse("z is F32[2, 4] with strides [1, 2], but its last axis must have stride 1",
                () -> new TensorView(0, ElementType.F32, new long[] {2, 4}, new long[] {1, 2}).requireRows("z"));
    }

    @Test
    void testImpossibleViews() {
        refuse("address 0x1 is no multiple of 2, the size of BF16", () -> TensorView.of(1, ElementType.BF16, 1));
        refuse("shape [-1] has a negative size", () -> TensorView.of(0, ElementType.U8, -1));
        refuse("shape [1, 2] has 2 axes, strides [1] have 1",
                () -> new TensorView(0, ElementType.U8, new long[] {1, 2}, new long[] {1}));
    }

    @Test
    void testValueSemantics() {
        final long[] shape = {2, 3};
        final TensorView view = TensorView.of(8, ElementType.F32, shape);
        shape[0] = 9;
        view.shape()[0] = 9;
        assertEquals(2, view.size(0));
        assertEquals(view, TensorView.of(8, ElementType.F32, 2, 3));
        assertEquals(view.hashCode(), TensorView.of(8, ElementType.F32, 2, 3).hashCode());
        assertNotEquals(view, TensorView.of(8, ElementType.I32, 2, 3));
        assertNotEquals(view, TensorView.of(8, ElementType.F32, 3, 2));
    }

    private static void refuse(final String message, final Runnable action) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
    }
}
