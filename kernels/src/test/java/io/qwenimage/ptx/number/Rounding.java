package io.qwenimage.ptx.number;

/** How a result that lies between two representable values is rounded. */
public enum Rounding {
    /** To the nearest, ties to even: {@code .rn}. */
    NEAREST_EVEN,
    /** To the nearest, ties away from zero: {@code .rna}. */
    NEAREST_AWAY,
    /** Towards zero: {@code .rz}. */
    TOWARD_ZERO,
    /** Towards minus infinity: {@code .rm}. */
    DOWN,
    /** Towards plus infinity: {@code .rp}. */
    UP;

    /** Whether a magnitude between two neighbours goes to the greater one. */
    boolean increases(final boolean negative, final boolean odd, final int againstHalf) {
        return switch (this) {
            case NEAREST_EVEN -> againstHalf > 0 || againstHalf == 0 && odd;
            case NEAREST_AWAY -> againstHalf >= 0;
            case TOWARD_ZERO -> false;
            case DOWN -> negative;
            case UP -> !negative;
        };
    }
}
