package io.qwenimage.weights;

import io.qwenimage.tensor.DType;
import java.util.Optional;

/** The element types that the safetensors format knows; only some of them can be computed with here. */
enum StoredType {
    F32(32), F16(16), BF16(16), F8_E4M3(8), I64(64), I32(32), U8(8),
    BOOL(8), I8(8), I16(16), U16(16), U32(32), U64(64), F64(64), C64(64),
    F8_E5M2(8), F8_E8M0(8), F8_E4M3FNUZ(8), F8_E5M2FNUZ(8), F6_E2M3(6), F6_E3M2(6), F4(4);

    private final int bits;

    StoredType(final int bits) {
        this.bits = bits;
    }

    /** Size of one element in bits. */
    int bits() {
        return bits;
    }

    /** The type to compute with; empty if there is none. */
    Optional<DType> supported() {
        return switch (this) {
            case F32 -> Optional.of(DType.F32);
            case F16 -> Optional.of(DType.F16);
            case BF16 -> Optional.of(DType.BF16);
            case F8_E4M3 -> Optional.of(DType.F8_E4M3);
            case I64 -> Optional.of(DType.I64);
            case I32 -> Optional.of(DType.I32);
            case U8 -> Optional.of(DType.U8);
            default -> Optional.empty();
        };
    }

    /** The type of a name as it stands in a header; empty if the format has none of that name. */
    static Optional<StoredType> of(final String name) {
        for (final StoredType type : values()) {
            if (type.name().equals(name)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
