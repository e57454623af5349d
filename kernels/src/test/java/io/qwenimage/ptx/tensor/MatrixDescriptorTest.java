package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/**
 * Expected addresses are those of the instruction set's canonical layouts, built row by row as a kernel stores them.
 */
class MatrixDescriptorTest {
    private static final int START = 8192;

    @Test
    void bitsAreThoseOfTheInstructionSet() {
        final MatrixDescriptor descriptor = new MatrixDescriptor(0x2400, 16, 1024, Swizzle.B128);
        assertEquals(0x240L | 1L << 16 | 64L << 32 | 1L << 62, descriptor.encode());
        assertEquals(descriptor, MatrixDescriptor.decode(descriptor.encode()));
        for (final Swizzle swizzle : Swizzle.values()) {
            final MatrixDescriptor each = new MatrixDescriptor(0x3fff0, 0x3fff0, 0x3fff0, swizzle);
            assertEquals(each, MatrixDescriptor.decode(each.encode()));
        }
        assertThrows(IllegalArgumentException.class, () -> MatrixDescriptor.decode(1L << 49));
    }

    @Test
    void depthMajorRowsOf128BytesAreSwizzledByTheirNumber() {
        final MatrixDescriptor whole = new MatrixDescriptor(START, 16, 1024, Swizzle.B128);
        for (int row = 0; row < 64; row++) {
            for (int piece = 0; piece < 8; piece++) {
                // The k-th slice of 32 bytes is addressed by moving the start address.
                final MatrixDescriptor slice = new MatrixDescriptor(START + piece / 2 * 32, 16, 1024, Swizzle.B128);
                final int expected = START + row * 128 + (piece ^ row % 8) * 16;
                assertEquals(expected, slice.depthMajor(row, piece % 2 * 16), "row " + row + " piece " + piece);
                assertEquals(expected + 6, slice.depthMajor(row, piece % 2 * 16 + 6));
            }
        }
        assertEquals(START, whole.depthMajor(0, 0));
    }

    @Test
    void depthMajorRowsOf64And32Bytes() {
        for (int row = 0; row < 32; row++) {
            for (int piece = 0; piece < 2; piece++) {
                final MatrixDescriptor middle = new MatrixDescriptor(START, 16, 512, Swizzle.B64);
                assertEquals(START + row * 64 + (piece ^ row / 2 % 4) * 16, middle.depthMajor(row, piece * 16));
                final MatrixDescriptor narrow = new MatrixDescriptor(START, 16, 256, Swizzle.B32);
                assertEquals(START + row * 32 + (piece ^ row / 4 % 2) * 16, narrow.depthMajor(row, piece * 16));
            }
        }
    }

    @Test
    void depthMajorWithoutSwizzleHasCoreMatricesOf128Bytes() {
        final MatrixDescriptor descriptor = new MatrixDescriptor(START, 2048, 128, Swizzle.NONE);
        for (int row = 0; row < 64; row++) {
            assertEquals(START + row / 8 * 128 + row % 8 * 16 + 4, descriptor.depthMajor(row, 4));
            assertEquals(START + 2048 + row / 8 * 128 + row % 8 * 16 + 2, descriptor.depthMajor(row, 18));
        }
    }

    @Test
    void rowMajorSpansAreSwizzledByDepth() {
        // [16 deep, 128 rows] of 16-bit elements, each line 64 elements wide, the second half 2048 bytes further.
        final MatrixDescriptor descriptor = new MatrixDescriptor(START, 2048, 1024, Swizzle.B128);
        for (int depth = 0; depth < 16; depth++) {
            for (int row = 0; row < 128; row++) {
                final int line = START + row / 64 * 2048 + depth * 128;
                final int expected = line + (row % 64 / 8 ^ depth % 8) * 16 + row % 8 * 2;
                assertEquals(expected, descriptor.rowMajor(row, depth), "row " + row + " depth " + depth);
            }
        }
    }

    @Test
    void rowMajorNarrowSpans() {
        final MatrixDescriptor middle = new MatrixDescriptor(START, 1024, 512, Swizzle.B64);
        final MatrixDescriptor narrow = new MatrixDescriptor(START, 512, 256, Swizzle.B32);
        for (int depth = 0; depth < 16; depth++) {
            for (int row = 0; row < 64; row++) {
                assertEquals(START + row / 32 * 1024 + depth * 64 + (row % 32 / 8 ^ depth / 2 % 4) * 16 + row % 8 * 2,
                    middle.rowMajor(row, depth));
                assertEquals(START + row / 16 * 512 + depth * 32 + (row % 16 / 8 ^ depth / 4 % 2) * 16 + row % 8 * 2,
                    narrow.rowMajor(row, depth));
            }
        }
    }

    @Test
    void rowMajorWithoutSwizzle() {
        final MatrixDescriptor descriptor = new MatrixDescriptor(START, 128, 256, Swizzle.NONE);
        for (int depth = 0; depth < 16; depth++) {
            for (int row = 0; row < 64; row++) {
                assertEquals(START + row / 8 * 256 + depth / 8 * 128 + depth % 8 * 16 + row % 8 * 2,
                    descriptor.rowMajor(row, depth));
            }
        }
    }
}
