package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.text.PtxType;
import java.util.Set;

/**
 * Sizes and types of one {@code wgmma.mma_async}: D [64, n] += A [64, k] B [k, n].
 *
 * @param n columns: a multiple of 8 up to 256
 * @param depth k: always 32 bytes of elements
 * @param accumulator type of D
 * @param left type of A
 * @param right type of B
 */
public record WarpgroupShape(int n, int depth, PtxType accumulator, PtxType left, PtxType right) {
    /** Rows of A and D. */
    public static final int M = 64;
    private static final int DEPTH_BYTES = 32;
    private static final Set<PtxType> EIGHT_BIT_FLOATS = Set.of(PtxType.E4M3, PtxType.E5M2);
    private static final Set<PtxType> EIGHT_BIT_INTEGERS = Set.of(PtxType.S8, PtxType.U8);

    /**
     * Reads the shape modifier and checks it against the types.
     *
     * @param shape such as {@code m64n128k16}
     * @throws IllegalArgumentException when the combination does not exist
     */
    public static WarpgroupShape of(final String shape, final PtxType accumulator, final PtxType left,
        final PtxType right) {
        if (shape == null || !shape.matches("m64n\\d+k\\d+")) {
            throw new IllegalArgumentException("wgmma shape " + shape + " is not of the form m64nNkK");
        }
        final int n = Integer.parseInt(shape.substring(4, shape.indexOf('k')));
        final int depth = Integer.parseInt(shape.substring(shape.indexOf('k') + 1));
        final WarpgroupShape made = new WarpgroupShape(n, depth, accumulator, left, right);
        if (!made.typesExist() || !made.sizeExists()) {
            throw new IllegalArgumentException("wgmma has no " + shape + " of " + left + " and " + right + " into "
                + accumulator);
        }
        return made;
    }

    /** Registers of each thread that hold D. */
    public int accumulatorRegisters() {
        return accumulator == PtxType.F16 ? n / 4 : n / 2;
    }

    public boolean isInteger() {
        return accumulator == PtxType.S32;
    }

    /** Whether A and B may lie with M or N contiguous. */
    public boolean mayTranspose() {
        return left.bits() == 16;
    }

    private boolean typesExist() {
        if (isInteger()) {
            return EIGHT_BIT_INTEGERS.contains(left) && EIGHT_BIT_INTEGERS.contains(right);
        }
        final boolean half = accumulator == PtxType.F16;
        if (accumulator != PtxType.F32 && !half) {
            return false;
        }
        if (EIGHT_BIT_FLOATS.contains(left)) {
            return EIGHT_BIT_FLOATS.contains(right);
        }
        return left == right && (left == PtxType.F16 || !half && (left == PtxType.BF16 || left == PtxType.TF32));
    }

    private boolean sizeExists() {
        final boolean step = isInteger() ? n == 8 || n == 24 || n % 16 == 0 : n % 8 == 0;
        return n >= 8 && n <= 256 && step && depth == DEPTH_BYTES * 8 / left.bits();
    }
}
