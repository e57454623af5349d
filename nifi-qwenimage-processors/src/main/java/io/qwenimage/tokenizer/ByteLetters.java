package io.qwenimage.tokenizer;

/**
 * The letters in which byte-level BPE spells bytes: printable characters of Latin-1 stand for themselves, the other
 * bytes for the characters from U+0100 on. See {@code bytes_to_unicode} of GPT-2's encoder.
 */
final class ByteLetters {
    /** The letter of byte b is the character at index b. */
    static final String ALL = letters();

    private ByteLetters() {
    }

    private static String letters() {
        final StringBuilder letters = new StringBuilder();
        int others = 0;
        for (int value = 0; value < 256; value++) {
            final boolean printable = value >= '!' && value <= '~' || value >= 0xa1 && value <= 0xff && value != 0xad;
            letters.append((char) (printable ? value : 0x100 + others));
            others += printable ? 0 : 1;
        }
        return letters.toString();
    }
}
