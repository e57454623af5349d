package io.qwenimage.ptx.instruction;

/** The comparisons of {@code setp} and {@code set}, and how they see ordered and unordered operands. */
enum Comparison {
    EQ(false, true, false, false),
    NE(true, false, true, false),
    LT(true, false, false, false),
    LE(true, true, false, false),
    GT(false, false, true, false),
    GE(false, true, true, false),
    EQU(false, true, false, true),
    NEU(true, false, true, true),
    LTU(true, false, false, true),
    LEU(true, true, false, true),
    GTU(false, false, true, true),
    GEU(false, true, true, true),
    NUM(true, true, true, false),
    NAN(false, false, false, true);

    private final boolean less;
    private final boolean equal;
    private final boolean greater;
    private final boolean unordered;

    Comparison(final boolean less, final boolean equal, final boolean greater, final boolean unordered) {
        this.less = less;
        this.equal = equal;
        this.greater = greater;
        this.unordered = unordered;
    }

    /**
     * The comparison that the instruction asks for; {@code lo ls hi hs} are the unsigned names of lt, le, gt and ge.
     */
    static Comparison of(final InstructionSource source) {
        final String name = source.modifiers().takeAny("eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
            "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan");
        if (name == null) {
            throw source.unsupported("the comparison is missing");
        }
        return switch (name) {
            case "eq" -> EQ;
            case "ne" -> NE;
            case "lt", "lo" -> LT;
            case "le", "ls" -> LE;
            case "gt", "hi" -> GT;
            case "ge", "hs" -> GE;
            case "equ" -> EQU;
            case "neu" -> NEU;
            case "ltu" -> LTU;
            case "leu" -> LEU;
            case "gtu" -> GTU;
            case "geu" -> GEU;
            case "num" -> NUM;
            default -> NAN;
        };
    }

    /** Holds for operands of which the first compares so with the second. */
    boolean holds(final int order) {
        return order < 0 ? less : order == 0 ? equal : greater;
    }

    boolean holds(final float a, final float b) {
        return a < b ? less : a == b ? equal : a > b ? greater : unordered;
    }

    boolean holds(final double a, final double b) {
        return a < b ? less : a == b ? equal : a > b ? greater : unordered;
    }

    boolean isForFloatsOnly() {
        return ordinal() >= EQU.ordinal();
    }
}
