package io.qwenimage.cli;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * The arguments as they were typed. Where the locale is not set, as in most containers, Java takes arguments for ASCII
 * and turns every other character into a question mark: a Chinese prompt would be lost without a word. Linux keeps the
 * bytes. Compiled for an older Java, as {@link Main} is.
 */
final class Arguments {
    /** Hands arguments to a second process, whatever its locale. */
    static final String PROPERTY = "qwenimage.arguments";

    private static final Path COMMAND = Path.of("/proc/self/cmdline");
    private static final char SEPARATOR = '\0';

    private Arguments() {
    }

    /** The arguments that the user typed, given those that Java made of them. */
    static String[] typed(final String[] given) throws IOException {
        final String handed = System.getProperty(PROPERTY);
        if (handed != null) {
            return decode(handed);
        }
        // The name is the one that every Java since 18 documents, and older ones have.
        final String encoding = System.getProperty("sun.jnu.encoding", "UTF-8");
        if (Charset.isSupported(encoding) && Charset.forName(encoding).equals(StandardCharsets.UTF_8)
                || !Files.isReadable(COMMAND)) {
            return given;
        }
        return recover(Files.readAllBytes(COMMAND), given);
    }

    /**
     * Takes the arguments out of a command's bytes.
     *
     * @param command the words of the command, each ended by a zero; the arguments are its last words
     * @param given   what Java made of them
     */
    static String[] recover(final byte[] command, final String[] given) {
        final List<String> words = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < command.length; i++) {
            if (command[i] == SEPARATOR) {
                words.add(new String(command, start, i - start, StandardCharsets.UTF_8));
                start = i + 1;
            }
        }
        if (words.size() < given.length) {
            return given;
        }
        final String[] typed = words.subList(words.size() - given.length, words.size()).toArray(new String[0]);
        return Arrays.stream(typed).allMatch(StandardCharsets.US_ASCII.newEncoder()::canEncode) ? given : typed;
    }

    /** Arguments as one word of ASCII. */
    static String encode(final String[] arguments) {
        final StringBuilder joined = new StringBuilder();
        for (final String argument : arguments) {
            joined.append(argument).append(SEPARATOR);
        }
        return Base64.getEncoder().encodeToString(joined.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** The inverse of {@link #encode}. */
    static String[] decode(final String word) {
        final String joined = new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
        final List<String> arguments = new ArrayList<>();
        int start = 0;
        for (int end = joined.indexOf(SEPARATOR); end >= 0; end = joined.indexOf(SEPARATOR, start)) {
            arguments.add(joined.substring(start, end));
            start = end + 1;
        }
        return arguments.toArray(new String[0]);
    }
}
