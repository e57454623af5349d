package io.qwenimage.ptx.text;

import java.util.List;

/** An operand as it is written; names are resolved when the instruction is decoded. */
public sealed interface PtxOperand {

    /** A register, special register, variable, function or label; {@code _} is the sink. */
    record Name(String name) implements PtxOperand {
        public boolean isSink() {
            return name.equals("_");
        }
    }

    /** A constant; of a float {@code bits} are those of its own width. */
    record Literal(Form form, long bits) implements PtxOperand {
        /** How the constant was written. */
        public enum Form { INTEGER, FLOAT32, FLOAT64 }

        /** The constant as a double, whatever its form. */
        public double asDouble() {
            return switch (form) {
                case INTEGER -> bits;
                case FLOAT32 -> Float.intBitsToFloat((int) bits);
                case FLOAT64 -> Double.longBitsToDouble(bits);
            };
        }
    }

    /** {@code !p}. */
    record Negated(PtxOperand operand) implements PtxOperand {
    }

    /** {@code p|q}: two results. */
    record Pair(PtxOperand first, PtxOperand second) implements PtxOperand {
    }

    /** {@code {a, b, c, d}}. */
    record Vector(List<PtxOperand> elements) implements PtxOperand {
    }

    /** {@code [base + offset, further...]}; a tensor copy has its coordinates in {@code further}. */
    record Address(PtxOperand base, long offset, List<PtxOperand> further) implements PtxOperand {
    }

    /** {@code (a, b)}: arguments and results of a call. */
    record Group(List<PtxOperand> elements) implements PtxOperand {
    }
}
