package io.qwenimage.ptx.text;

import java.util.ArrayList;
import java.util.List;

/** Splits PTX text into tokens; comments and white space are dropped. */
final class PtxLexer {
    private final String text;
    private int position;
    private int line = 1;

    PtxLexer(final String text) {
        this.text = text;
    }

    List<Token> tokens() {
        final List<Token> tokens = new ArrayList<>(text.length() / 4);
        skipBlanks();
        while (position < text.length()) {
            tokens.add(next());
            skipBlanks();
        }
        tokens.add(new Token(Token.Kind.END, "end of file", line));
        return tokens;
    }

    private Token next() {
        final char first = text.charAt(position);
        if (first == '"') {
            return string();
        }
        if (Character.isDigit(first)) {
            return number();
        }
        if (isWordStart(first) || first == '.' && position + 1 < text.length()
            && isWordPart(text.charAt(position + 1))) {
            return word();
        }
        position++;
        return new Token(Token.Kind.PUNCTUATION, String.valueOf(first), line);
    }

    private Token string() {
        final int end = text.indexOf('"', position + 1);
        if (end < 0) {
            throw new PtxSyntaxException(line, "a string is not closed");
        }
        final Token token = new Token(Token.Kind.STRING, text.substring(position + 1, end), line);
        position = end + 1;
        return token;
    }

    private Token number() {
        final int start = position;
        final boolean decimal = !(text.charAt(start) == '0' && start + 1 < text.length()
            && Character.isLetter(text.charAt(start + 1)));
        while (position < text.length() && isNumberPart(decimal, start)) {
            position++;
        }
        return new Token(Token.Kind.NUMBER, text.substring(start, position), line);
    }

    private boolean isNumberPart(final boolean decimal, final int start) {
        final char c = text.charAt(position);
        if (Character.isLetterOrDigit(c)) {
            return true;
        }
        if (!decimal) {
            return false;
        }
        final char before = text.charAt(position - 1);
        return c == '.' || (c == '-' || c == '+') && position > start && (before == 'e' || before == 'E');
    }

    private Token word() {
        final int start = position;
        position++;
        while (position < text.length()) {
            final char c = text.charAt(position);
            final boolean more = position + 1 < text.length();
            if (isWordPart(c)) {
                position++;
            } else if (c == '.' && more && isWordPart(text.charAt(position + 1))) {
                position += 2;
            } else if (c == ':' && more && text.charAt(position + 1) == ':') {
                position += 2;
            } else {
                break;
            }
        }
        return new Token(Token.Kind.WORD, text.substring(start, position), line);
    }

    private void skipBlanks() {
        while (position < text.length()) {
            final char c = text.charAt(position);
            if (c == '\n') {
                line++;
                position++;
            } else if (Character.isWhitespace(c) || c == 0) {
                position++;
            } else if (text.startsWith("//", position)) {
                final int end = text.indexOf('\n', position);
                position = end < 0 ? text.length() : end;
            } else if (text.startsWith("/*", position)) {
                skipBlockComment();
            } else {
                return;
            }
        }
    }

    private void skipBlockComment() {
        final int end = text.indexOf("*/", position + 2);
        if (end < 0) {
            throw new PtxSyntaxException(line, "a comment is not closed");
        }
        for (int i = position; i < end; i++) {
            if (text.charAt(i) == '\n') {
                line++;
            }
        }
        position = end + 2;
    }

    private static boolean isWordStart(final char c) {
        return Character.isLetter(c) || c == '_' || c == '$' || c == '%';
    }

    private static boolean isWordPart(final char c) {
        return Character.isLetterOrDigit(c) || c == '_' || c == '$' || c == '%';
    }
}
