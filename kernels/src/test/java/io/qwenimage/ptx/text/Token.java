package io.qwenimage.ptx.text;

/**
 * One token of PTX text.
 *
 * @param kind what it is
 * @param text its characters; of a string without the quotes
 * @param line the line it stands in, from 1
 */
record Token(Kind kind, String text, int line) {
    /**
     * Words hold dots and double colons: {@code ld.global.v4.f32}, {@code %tid.x} and {@code .shared} are one word
     * each.
     */
    enum Kind { WORD, NUMBER, STRING, PUNCTUATION, END }

    boolean is(final String other) {
        return kind != Kind.STRING && text.equals(other);
    }
}
