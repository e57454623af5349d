package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.ptx.text.PtxType;
import org.junit.jupiter.api.Test;

class WarpgroupFragmentTest {
    @Test
    void accumulatorsAreThoseOfTheFigure() {
        // Rows of the figure of matrix D: T0: {d0,d1} at (0,0) and (0,1), {d2,d3} in row 8, {d4,d5} from column 8 on.
        assertAccumulator(0, 0, 0, 0);
        assertAccumulator(0, 1, 0, 1);
        assertAccumulator(0, 2, 8, 0);
        assertAccumulator(0, 3, 8, 1);
        assertAccumulator(0, 4, 0, 8);
        assertAccumulator(3, 0, 0, 6);
        assertAccumulator(4, 0, 1, 0);
        assertAccumulator(31, 3, 15, 7);
        assertAccumulator(32, 0, 16, 0);
        assertAccumulator(127, 127, 63, 255);
    }

    @Test
    void everyElementHasOneRegister() {
        assertOnce(64, 48, 128 * 24, (at, mark) -> mark.accept(WarpgroupFragment.accumulatorRow(at / 24, at % 24),
            WarpgroupFragment.accumulatorColumn(at / 24, at % 24)));
        for (final int bytes : new int[] {1, 2, 4}) {
            final int perRegister = 4 / bytes;
            final int each = 4 * perRegister;
            assertOnce(64, 32 / bytes, 128 * each, (at, mark) -> mark.accept(
                WarpgroupFragment.operandRow(at / each, at % each / perRegister),
                WarpgroupFragment.operandDepth(at / each, at % each / perRegister, bytes, at % perRegister)));
        }
    }

    @Test
    void operandRegistersAreThoseOfTheFigures() {
        // 16-bit: {a0,a1} T0 (0,0..1); a1's register row 8; third register depth 8.
        assertEquals(8, WarpgroupFragment.operandRow(0, 1));
        assertEquals(8, WarpgroupFragment.operandDepth(0, 2, 2, 0));
        assertEquals(7, WarpgroupFragment.operandDepth(3, 0, 2, 1));
        // 8-bit: four elements to a register, third register depth 16.
        assertEquals(15, WarpgroupFragment.operandDepth(3, 1, 1, 3));
        assertEquals(16, WarpgroupFragment.operandDepth(0, 2, 1, 0));
        // tf32: one element, third register depth 4.
        assertEquals(3, WarpgroupFragment.operandDepth(3, 0, 4, 0));
        assertEquals(4, WarpgroupFragment.operandDepth(0, 2, 4, 0));
        assertEquals(48 + 7 + 8, WarpgroupFragment.operandRow(127, 3));
    }

    @Test
    void shapesThatDoNotExistAreRefused() {
        assertEquals(64, WarpgroupShape.of("m64n128k16", PtxType.F32, PtxType.BF16,
            PtxType.BF16).accumulatorRegisters());
        assertEquals(32, WarpgroupShape.of("m64n128k16", PtxType.F16, PtxType.F16, PtxType.F16).accumulatorRegisters());
        assertRefused("m64n12k16", PtxType.F32, PtxType.BF16, PtxType.BF16);
        assertRefused("m64n264k16", PtxType.F32, PtxType.BF16, PtxType.BF16);
        assertRefused("m64n64k8", PtxType.F32, PtxType.BF16, PtxType.BF16);
        assertRefused("m64n64k16", PtxType.F16, PtxType.BF16, PtxType.BF16);
        assertRefused("m64n64k16", PtxType.F32, PtxType.F16, PtxType.BF16);
        assertRefused("m64n40k32", PtxType.S32, PtxType.S8, PtxType.U8);
        assertRefused("m128n64k16", PtxType.F32, PtxType.F16, PtxType.F16);
        assertRefused("m64n64k32", PtxType.F32, PtxType.S8, PtxType.S8);
    }

    @Test
    void narrowFloatsHaveTheirValues() {
        assertEquals(448f, TensorFloat.value(PtxType.E4M3, 0x7e));
        assertEquals(-0x1p-9f, TensorFloat.value(PtxType.E4M3, 0x81));
        assertEquals(1.125f, TensorFloat.value(PtxType.E4M3, 0x39));
        assertEquals(Float.NaN, TensorFloat.value(PtxType.E4M3, 0xff));
        assertEquals(57344f, TensorFloat.value(PtxType.E5M2, 0x7b));
        assertEquals(Float.POSITIVE_INFINITY, TensorFloat.value(PtxType.E5M2, 0x7c));
        assertEquals(1f, TensorFloat.value(PtxType.TF32, 0x3f80_1fff),
            "bits below the tenth of the mantissa do not count");
        assertEquals(-2f, TensorFloat.value(PtxType.BF16, 0xc000));
        assertEquals(-1f, TensorFloat.value(PtxType.S8, 0xff));
        assertEquals(255f, TensorFloat.value(PtxType.U8, 0xff));
    }

    private static void assertAccumulator(final int thread, final int index, final int row, final int column) {
        assertEquals(row, WarpgroupFragment.accumulatorRow(thread, index));
        assertEquals(column, WarpgroupFragment.accumulatorColumn(thread, index));
    }

    private static void assertRefused(final String shape, final PtxType accumulator, final PtxType left,
        final PtxType right) {
        assertThrows(IllegalArgumentException.class, () -> WarpgroupShape.of(shape, accumulator, left, right));
    }

    private static void assertOnce(final int rows, final int columns, final int count, final Placement placement) {
        final int[] seen = new int[rows * columns];
        for (int at = 0; at < count; at++) {
            placement.place(at, (row, column) -> seen[row * columns + column]++);
        }
        for (int at = 0; at < seen.length; at++) {
            assertEquals(1, seen[at], "row " + at / columns + " column " + at % columns);
        }
    }

    private interface Placement {
        void place(int at, Mark mark);
    }

    private interface Mark {
        void accept(int row, int column);
    }
}
