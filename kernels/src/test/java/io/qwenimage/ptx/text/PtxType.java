package io.qwenimage.ptx.text;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The types that PTX modifiers and declarations name, with their width in bits and how their bits are read. */
public enum PtxType {
    B8(8, Kind.BITS), B16(16, Kind.BITS), B32(32, Kind.BITS), B64(64, Kind.BITS), B128(128, Kind.BITS),
    U8(8, Kind.UNSIGNED), U16(16, Kind.UNSIGNED), U32(32, Kind.UNSIGNED), U64(64, Kind.UNSIGNED),
    S8(8, Kind.SIGNED), S16(16, Kind.SIGNED), S32(32, Kind.SIGNED), S64(64, Kind.SIGNED),
    U16X2(32, Kind.UNSIGNED), S16X2(32, Kind.SIGNED),
    U4(4, Kind.UNSIGNED), S4(4, Kind.SIGNED), B1(1, Kind.BITS),
    F16(16, Kind.FLOAT), F16X2(32, Kind.FLOAT), BF16(16, Kind.FLOAT), BF16X2(32, Kind.FLOAT),
    F32(32, Kind.FLOAT), F32X2(64, Kind.FLOAT), F64(64, Kind.FLOAT), TF32(32, Kind.FLOAT),
    E4M3(8, Kind.FLOAT), E5M2(8, Kind.FLOAT), E4M3X2(16, Kind.FLOAT), E5M2X2(16, Kind.FLOAT),
    PRED(1, Kind.PREDICATE);

    /** How a value's bits are read. */
    public enum Kind { BITS, UNSIGNED, SIGNED, FLOAT, PREDICATE }

    private static final Map<String, PtxType> BY_NAME = byName();

    private final int bits;
    private final Kind kind;

    PtxType(final int bits, final Kind kind) {
        this.bits = bits;
        this.kind = kind;
    }

    /** The type that a modifier such as {@code u32} (without its dot) names, or null when it names none. */
    public static PtxType named(final String modifier) {
        return BY_NAME.get(modifier);
    }

    public int bits() {
        return bits;
    }

    /** Width in memory; types narrower than a byte have none of their own and answer 1. */
    public int bytes() {
        return Math.max(1, bits / 8);
    }

    public Kind kind() {
        return kind;
    }

    public boolean isFloat() {
        return kind == Kind.FLOAT;
    }

    public boolean isSigned() {
        return kind == Kind.SIGNED;
    }

    private static Map<String, PtxType> byName() {
        final Map<String, PtxType> names = new HashMap<>();
        for (final PtxType type : values()) {
            names.put(type.name().toLowerCase(Locale.ROOT), type);
        }
        return Map.copyOf(names);
    }
}
