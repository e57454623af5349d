package io.qwenimage.ptx.text;

import java.util.List;

/** The tokens of a file with a reading position. */
final class TokenStream {
    private final List<Token> tokens;
    private int position;

    TokenStream(final List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(position);
    }

    Token peek(final int ahead) {
        return tokens.get(Math.min(position + ahead, tokens.size() - 1));
    }

    Token next() {
        final Token token = tokens.get(position);
        if (token.kind() != Token.Kind.END) {
            position++;
        }
        return token;
    }

    boolean at(final String text) {
        return peek().is(text);
    }

    boolean accept(final String text) {
        if (at(text)) {
            next();
            return true;
        }
        return false;
    }

    Token expect(final String text) {
        final Token token = next();
        if (!token.is(text)) {
            throw new PtxSyntaxException(token.line(), "expected '" + text + "' but found '" + token.text() + "'");
        }
        return token;
    }

    String word() {
        final Token token = next();
        if (token.kind() != Token.Kind.WORD) {
            throw new PtxSyntaxException(token.line(), "expected a name but found '" + token.text() + "'");
        }
        return token.text();
    }

    int integer() {
        final Token token = next();
        if (token.kind() != Token.Kind.NUMBER) {
            throw new PtxSyntaxException(token.line(), "expected a number but found '" + token.text() + "'");
        }
        return (int) Literals.parse(token).bits();
    }

    int line() {
        return peek().line();
    }

    PtxSyntaxException unexpected() {
        return new PtxSyntaxException(line(), "'" + peek().text() + "' was not expected here");
    }

    /** Skips from an opening brace behind its closing one. */
    void skipBraces() {
        final int start = line();
        expect("{");
        int depth = 1;
        while (depth > 0) {
            final Token token = next();
            if (token.kind() == Token.Kind.END) {
                throw new PtxSyntaxException(start, "the brace opened here is not closed");
            }
            if (token.is("{")) {
                depth++;
            } else if (token.is("}")) {
                depth--;
            }
        }
    }
}
