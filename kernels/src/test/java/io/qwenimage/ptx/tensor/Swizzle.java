package io.qwenimage.ptx.tensor;

/**
 * How 16-byte pieces of shared memory change places within a row, so that neither rows nor columns meet bank conflicts.
 * A row is as wide as the mode says; the piece's number is combined (exclusive or) with the number of the 128-byte line
 * in which it lies. Both are bits of the address in shared memory itself, hence the alignment of the pattern.
 *
 * <p>Source: PTX ISA, "Swizzling Modes" of tensors; the same patterns serve {@code wgmma}'s matrix descriptors.
 */
public enum Swizzle {
    NONE(16, 0), B32(32, 0x10), B64(64, 0x30), B128(128, 0x70);

    private final int span;
    private final int mask;

    Swizzle(final int span, final int mask) {
        this.span = span;
        this.mask = mask;
    }

    /** The mode that {@code tensormap.replace ... swizzle_mode} and the driver's enumeration number so. */
    public static Swizzle ofTensorMap(final int code) {
        if (code < 0 || code > 3) {
            throw new IllegalArgumentException("swizzle mode " + code
                + " is not known: 0 to 3 (none, 32, 64, 128 bytes) are");
        }
        return values()[code];
    }

    /** The mode in bits 62 and 63 of a matrix descriptor, which are numbered the other way round. */
    public static Swizzle ofDescriptor(final int code) {
        return switch (code) {
            case 0 -> NONE;
            case 1 -> B128;
            case 2 -> B64;
            case 3 -> B32;
            default -> throw new IllegalArgumentException("swizzle mode " + code + " has more than two bits");
        };
    }

    /** Bytes of a row; 16 where nothing is swizzled. */
    public int span() {
        return span;
    }

    /** After how many bytes the pattern repeats, which is also what its start should be aligned to. */
    public int period() {
        return span * 8;
    }

    /** Where the byte of an unswizzled address lies. */
    public int apply(final int address) {
        return address ^ (address >> 3 & mask);
    }
}
