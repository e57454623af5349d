package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxOperand.Literal;
import io.qwenimage.ptx.text.PtxType;

/** The bits that a written constant has as a value of a type. */
final class Constants {
    private Constants() {
    }

    static int intBits(final Literal literal, final PtxType type) {
        if (literal.form() == Literal.Form.INTEGER) {
            if (type == PtxType.F32) {
                return Float.floatToRawIntBits(literal.bits());
            }
            return (int) (type.bits() >= 32 ? literal.bits() : literal.bits() & (1L << type.bits()) - 1);
        }
        if (type == PtxType.F16) {
            return Float.floatToFloat16((float) literal.asDouble()) & 0xffff;
        }
        return literal.form() == Literal.Form.FLOAT32 ? (int) literal.bits()
            : Float.floatToRawIntBits((float) literal.asDouble());
    }

    static long longBits(final Literal literal, final PtxType type) {
        return switch (literal.form()) {
            case INTEGER -> type == PtxType.F64 ? Double.doubleToRawLongBits(literal.bits()) : literal.bits();
            case FLOAT32, FLOAT64 -> Double.doubleToRawLongBits(literal.asDouble());
        };
    }
}
