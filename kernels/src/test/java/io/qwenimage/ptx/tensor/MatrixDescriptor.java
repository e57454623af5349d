package io.qwenimage.ptx.tensor;

/**
 * A matrix in shared memory as the 64-bit descriptor of {@code wgmma} describes it: core matrices of 8 rows of 16
 * bytes, strewn by two strides and permuted by a swizzle. Source: PTX ISA, "Asynchronous Warpgroup Level Matrix Shared
 * Memory Layout", "Strides" and "Matrix Descriptor Format".
 *
 * @param start address of the first byte in shared memory
 * @param leading "leading dimension byte offset"
 * @param stride "stride dimension byte offset"
 * @param swizzle permutation of 16-byte pieces
 */
public record MatrixDescriptor(int start, int leading, int stride, Swizzle swizzle) {
    private static final int CORE = 8;
    private static final int PIECE = 16;

    /** Reads a descriptor; a base offset, which only patterns off their natural alignment need, is refused. */
    public static MatrixDescriptor decode(final long bits) {
        final int base = (int) (bits >>> 49 & 7);
        if (base != 0) {
            throw new IllegalArgumentException("wgmma matrix descriptor 0x" + Long.toHexString(bits)
                + " has base offset "
                + base + ": only patterns aligned to their period (base offset 0) are supported");
        }
        return new MatrixDescriptor(field(bits, 0), field(bits, 16), field(bits, 32),
            Swizzle.ofDescriptor((int) (bits >>> 62)));
    }

    /** The descriptor's bits: what {@link #decode} reads. */
    public long encode() {
        final int mode = swizzle == Swizzle.NONE ? 0 : 4 - swizzle.ordinal();
        return start >> 4 & 0x3fffL | (leading >> 4 & 0x3fffL) << 16 | (stride >> 4 & 0x3fffL) << 32
            | (long) mode << 62;
    }

    /**
     * Address of an element of a matrix whose depth (K) is contiguous.
     *
     * @param row along M or N
     * @param byteOfDepth byte along K: 0 to 31
     */
    public int depthMajor(final int row, final int byteOfDepth) {
        final int piece = byteOfDepth / PIECE;
        final int across = swizzle == Swizzle.NONE ? piece * leading : piece * PIECE;
        return swizzle.apply(start + row % CORE * swizzle.span() + row / CORE * stride + across + byteOfDepth % PIECE);
    }

    /**
     * Address of a 16-bit element of a matrix whose rows' direction (M or N) is contiguous.
     *
     * @param row along M or N
     * @param depth along K: 0 to 15
     */
    public int rowMajor(final int row, final int depth) {
        final int perSpan = swizzle.span() / Short.BYTES;
        final int within = row % perSpan * Short.BYTES;
        final int bySpan = swizzle == Swizzle.NONE ? stride : leading;
        final int byCore = swizzle == Swizzle.NONE ? leading : stride;
        return swizzle.apply(start + within + row / perSpan * bySpan + depth % CORE * swizzle.span()
            + depth / CORE * byCore);
    }

    private static int field(final long bits, final int shift) {
        return (int) (bits >>> shift & 0x3fff) << 4;
    }
}
