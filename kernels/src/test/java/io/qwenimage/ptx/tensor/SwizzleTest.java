package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class SwizzleTest {
    /**
     * The instruction set's picture of the 128-byte mode: number of the piece that lies at each place of eight rows.
     */
    private static final int[][] WIDE = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4},
        {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2}, {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
    /** Of the 64-byte mode, two rows to a line of 128 bytes. */
    private static final int[][] MIDDLE = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4}};
    /** Of the 32-byte mode, four rows to a line. */
    private static final int[][] NARROW = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}};

    @Test
    void piecesLieAsTheInstructionSetDrawsThem() {
        assertPattern(Swizzle.B128, WIDE);
        assertPattern(Swizzle.B64, MIDDLE);
        assertPattern(Swizzle.B32, NARROW);
        assertPattern(Swizzle.NONE, new int[][] {{0, 1, 2, 3, 4, 5, 6, 7}});
    }

    @Test
    void bytesWithinAPieceStayInOrder() {
        for (final Swizzle swizzle : Swizzle.values()) {
            for (int address = 0; address < 2048; address++) {
                assertEquals(address & 15, swizzle.apply(address) & 15);
                assertEquals(address & ~127, swizzle.apply(address) & ~127, "the line of 128 bytes");
            }
        }
    }

    @Test
    void descriptorsAndTensorMapsNumberTheModesDifferently() {
        assertEquals(Swizzle.B128, Swizzle.ofTensorMap(3));
        assertEquals(Swizzle.B128, Swizzle.ofDescriptor(1));
        assertEquals(Swizzle.B32, Swizzle.ofTensorMap(1));
        assertEquals(Swizzle.B32, Swizzle.ofDescriptor(3));
        assertThrows(IllegalArgumentException.class, () -> Swizzle.ofTensorMap(4));
    }

    private static void assertPattern(final Swizzle swizzle, final int[][] pattern) {
        final int start = 4096;
        for (int line = 0; line < 16; line++) {
            for (int place = 0; place < 8; place++) {
                final int piece = pattern[line % pattern.length][place];
                assertEquals(start + line * 128 + place * 16, swizzle.apply(start + line * 128 + piece * 16), swizzle
                    + " line " + line + " piece " + piece);
            }
        }
    }
}
