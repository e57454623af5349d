package io.qwenimage.ptx.text;

import java.util.ArrayList;
import java.util.List;

/** Reads the operands of an instruction. */
final class OperandParser {
    private final TokenStream tokens;

    OperandParser(final TokenStream tokens) {
        this.tokens = tokens;
    }

    /** Everything up to the semicolon, which is consumed. */
    List<PtxOperand> operands() {
        final List<PtxOperand> operands = new ArrayList<>(4);
        if (tokens.accept(";")) {
            return operands;
        }
        do {
            operands.add(operand());
        } while (tokens.accept(","));
        tokens.expect(";");
        return operands;
    }

    PtxOperand operand() {
        final PtxOperand first = single();
        if (tokens.accept("|")) {
            return new PtxOperand.Pair(first, single());
        }
        return first;
    }

    private PtxOperand single() {
        if (tokens.accept("!")) {
            return new PtxOperand.Negated(single());
        }
        if (tokens.at("{")) {
            return new PtxOperand.Vector(list("{", "}"));
        }
        if (tokens.at("[")) {
            return address();
        }
        if (tokens.at("(")) {
            return new PtxOperand.Group(list("(", ")"));
        }
        if (tokens.peek().kind() == Token.Kind.WORD) {
            final String name = tokens.word();
            if (tokens.at("+") || tokens.at("-")) {
                return new PtxOperand.Address(new PtxOperand.Name(name), offset(), List.of());
            }
            return new PtxOperand.Name(name);
        }
        return literal();
    }

    private List<PtxOperand> list(final String open, final String close) {
        tokens.expect(open);
        final List<PtxOperand> elements = new ArrayList<>(4);
        if (tokens.accept(close)) {
            return elements;
        }
        do {
            elements.add(operand());
        } while (tokens.accept(","));
        tokens.expect(close);
        return elements;
    }

    private PtxOperand.Address address() {
        tokens.expect("[");
        final PtxOperand base = tokens.peek().kind() == Token.Kind.WORD ? new PtxOperand.Name(tokens.word())
            : literal();
        final long offset = offset();
        final List<PtxOperand> further = new ArrayList<>(1);
        while (tokens.accept(",")) {
            further.add(operand());
        }
        tokens.expect("]");
        return new PtxOperand.Address(base, offset, further);
    }

    private long offset() {
        long offset = 0;
        while (tokens.at("+") || tokens.at("-")) {
            final boolean minus = tokens.next().is("-");
            final long value = literal().bits();
            offset += minus ? -value : value;
        }
        return offset;
    }

    /** A constant with its signs. */
    PtxOperand.Literal literal() {
        boolean negative = false;
        while (tokens.at("-") || tokens.at("+")) {
            negative ^= tokens.next().is("-");
        }
        final Token token = tokens.next();
        if (token.kind() != Token.Kind.NUMBER) {
            throw new PtxSyntaxException(token.line(), "expected an operand but found '" + token.text() + "'");
        }
        final PtxOperand.Literal literal = Literals.parse(token);
        if (!negative) {
            return literal;
        }
        return new PtxOperand.Literal(literal.form(), switch (literal.form()) {
            case INTEGER -> -literal.bits();
            case FLOAT32 -> literal.bits() ^ 0x80000000L;
            case FLOAT64 -> literal.bits() ^ Long.MIN_VALUE;
        });
    }
}
