package io.qwenimage.ptx.text;

import java.util.ArrayList;
import java.util.List;

/** Reads the body of a function: declarations, labels, nested scopes and instructions. */
final class BodyParser {
    private final TokenStream tokens;
    private final DeclarationParser declarations;
    private final OperandParser operands;
    private final List<PtxStatement> statements = new ArrayList<>();
    private final List<PtxVariable> variables = new ArrayList<>();

    BodyParser(final TokenStream tokens, final DeclarationParser declarations, final OperandParser operands) {
        this.tokens = tokens;
        this.declarations = declarations;
        this.operands = operands;
    }

    List<PtxStatement> statements() {
        return statements;
    }

    List<PtxVariable> variables() {
        return variables;
    }

    void block(final Scope scope) {
        final int start = tokens.line();
        tokens.expect("{");
        while (!tokens.accept("}")) {
            if (tokens.peek().kind() == Token.Kind.END) {
                throw new PtxSyntaxException(start, "the brace opened here is not closed");
            }
            statement(scope);
        }
    }

    private void statement(final Scope scope) {
        final Token token = tokens.peek();
        if (token.is("{")) {
            block(new Scope(scope));
        } else if (token.is(";")) {
            tokens.next();
        } else if (token.is("@")) {
            instruction(scope);
        } else if (token.kind() == Token.Kind.WORD && token.text().charAt(0) == '.') {
            directive(scope, token);
        } else if (token.kind() == Token.Kind.WORD && tokens.peek(1).is(":")) {
            label(scope);
        } else if (token.kind() == Token.Kind.WORD) {
            instruction(scope);
        } else {
            throw tokens.unexpected();
        }
    }

    private void directive(final Scope scope, final Token token) {
        if (token.is(".reg")) {
            declarations.registers(scope);
        } else if (DeclarationParser.isSpace(token)) {
            variables.addAll(declarations.variables(scope, false));
        } else if (token.is(".loc")) {
            skipLocation();
        } else if (token.is(".pragma")) {
            skipStatement();
        } else {
            throw tokens.unexpected();
        }
    }

    private void label(final Scope scope) {
        final int line = tokens.line();
        final String name = tokens.word();
        tokens.expect(":");
        if (tokens.at(".branchtargets") || tokens.at(".calltargets")) {
            tokens.next();
            final List<String> targets = new ArrayList<>();
            do {
                targets.add(tokens.word());
            } while (tokens.accept(","));
            tokens.expect(";");
            scope.targetList(name, targets);
        } else if (tokens.at(".callprototype")) {
            skipStatement();
        } else {
            scope.label(name, statements.size(), line);
        }
    }

    private void instruction(final Scope scope) {
        String guard = null;
        boolean negated = false;
        if (tokens.accept("@")) {
            negated = tokens.accept("!");
            guard = tokens.word();
        }
        final int line = tokens.line();
        final String opcode = tokens.word();
        statements.add(new PtxStatement(guard, negated, opcode, operands.operands(), scope, line));
    }

    private void skipStatement() {
        while (!tokens.accept(";")) {
            if (tokens.peek().kind() == Token.Kind.END) {
                throw tokens.unexpected();
            }
            tokens.next();
        }
    }

    /** A .loc has no end of its own: it ends with its line. */
    private void skipLocation() {
        final int line = tokens.line();
        while (tokens.line() == line && tokens.peek().kind() != Token.Kind.END) {
            tokens.next();
        }
    }
}
