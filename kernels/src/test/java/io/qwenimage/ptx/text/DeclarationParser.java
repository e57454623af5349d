package io.qwenimage.ptx.text;

import java.util.ArrayList;
import java.util.List;

/** Reads declarations of registers and variables. */
final class DeclarationParser {
    private final TokenStream tokens;
    private final OperandParser operands;

    DeclarationParser(final TokenStream tokens, final OperandParser operands) {
        this.tokens = tokens;
        this.operands = operands;
    }

    static boolean isSpace(final Token token) {
        return space(token) != null;
    }

    /** {@code .reg .b32 %r<10>, %x;}. */
    void registers(final Scope scope) {
        tokens.expect(".reg");
        final int line = tokens.line();
        final PtxType type = type(tokens.word(), line);
        do {
            final String name = tokens.word();
            if (tokens.accept("<")) {
                scope.declareRange(name, type, tokens.integer());
                tokens.expect(">");
            } else {
                scope.declare(name, type);
            }
        } while (tokens.accept(","));
        tokens.expect(";");
    }

    /** {@code .shared .align 16 .b8 buffer[1024], other;}: declares all in the scope and returns them. */
    List<PtxVariable> variables(final Scope scope, final boolean external) {
        final List<PtxVariable> declared = new ArrayList<>(1);
        final PtxVariable.Space space = space(tokens.next());
        final Head head = head();
        do {
            final PtxVariable variable = declarator(space, head, external);
            scope.declare(variable);
            declared.add(variable);
        } while (tokens.accept(","));
        tokens.expect(";");
        return declared;
    }

    /** {@code (.param .u64 a, .param .align 64 .b8 map[128])}, with device functions also {@code .reg}. */
    List<PtxVariable> parameters(final Scope scope) {
        tokens.expect("(");
        final List<PtxVariable> parameters = new ArrayList<>();
        if (tokens.accept(")")) {
            return parameters;
        }
        do {
            tokens.expect(".param");
            final PtxVariable parameter = declarator(PtxVariable.Space.PARAMETER, head(), false);
            scope.declare(parameter);
            parameters.add(parameter);
        } while (tokens.accept(","));
        tokens.expect(")");
        return parameters;
    }

    private Head head() {
        int alignment = 0;
        int vector = 1;
        PtxType type = null;
        while (tokens.peek().kind() == Token.Kind.WORD && tokens.peek().text().charAt(0) == '.') {
            final int line = tokens.line();
            // Directives written without blanks between them arrive as one word.
            for (final String part : tokens.word().substring(1).split("\\.")) {
                switch (part) {
                    case "align" -> {
                        final int given = tokens.integer();
                        alignment = type == null ? given : alignment;
                    }
                    case "v2", "v4", "v8" -> vector = part.charAt(1) - '0';
                    case "ptr", "global", "shared", "const", "local", "param", "managed" -> { }
                    case "attribute" -> skipParentheses();
                    default -> type = type("." + part, line);
                }
            }
        }
        if (type == null) {
            throw tokens.unexpected();
        }
        return new Head(type, vector, alignment);
    }

    private PtxVariable declarator(final PtxVariable.Space space, final Head head, final boolean external) {
        final String name = tokens.word();
        long elements = head.vector();
        while (tokens.accept("[")) {
            elements *= tokens.at("]") ? 0 : tokens.integer();
            tokens.expect("]");
        }
        final List<PtxOperand> initializer = new ArrayList<>();
        if (tokens.accept("=")) {
            initializer(initializer);
            if (elements == 0) {
                elements = initializer.size();
            }
        }
        final long bytes = elements * head.type().bytes();
        if (bytes > Integer.MAX_VALUE) {
            throw new PtxSyntaxException(tokens.line(), name + " has " + bytes + " bytes, more than 2147483647");
        }
        final int alignment = Math.max(head.alignment(), head.vector() * head.type().bytes());
        return new PtxVariable(space, name, head.type(), (int) bytes, alignment, external, initializer);
    }

    private void initializer(final List<PtxOperand> elements) {
        if (tokens.accept("{")) {
            if (tokens.accept("}")) {
                return;
            }
            do {
                initializer(elements);
            } while (tokens.accept(","));
            tokens.expect("}");
        } else if (tokens.at("generic")) {
            tokens.next();
            tokens.expect("(");
            elements.add(new PtxOperand.Address(new PtxOperand.Name(tokens.word()), 0, List.of()));
            tokens.expect(")");
        } else {
            elements.add(operands.operand());
        }
    }

    private void skipParentheses() {
        tokens.expect("(");
        while (!tokens.accept(")")) {
            tokens.next();
        }
    }

    private static PtxVariable.Space space(final Token token) {
        if (token.kind() != Token.Kind.WORD) {
            return null;
        }
        return switch (token.text()) {
            case ".global" -> PtxVariable.Space.GLOBAL;
            case ".const" -> PtxVariable.Space.CONSTANT;
            case ".shared" -> PtxVariable.Space.SHARED;
            case ".local" -> PtxVariable.Space.LOCAL;
            case ".param" -> PtxVariable.Space.PARAMETER;
            default -> null;
        };
    }

    private static PtxType type(final String directive, final int line) {
        final PtxType type = directive.charAt(0) == '.' ? PtxType.named(directive.substring(1)) : null;
        if (type == null) {
            throw new PtxSyntaxException(line, "'" + directive + "' is not a known type");
        }
        return type;
    }

    private record Head(PtxType type, int vector, int alignment) {
    }
}
