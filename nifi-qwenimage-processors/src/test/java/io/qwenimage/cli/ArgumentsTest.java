package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
    @Test
    void theLastWordsOfTheCommandAreTheArguments() {
        final byte[] command = "java\0-jar\0q.jar\0generate\0--prompt\0里斯本 \ud83e\ude81\0\0"
                .getBytes(StandardCharsets.UTF_8);

        assertArrayEquals(new String[] {"generate", "--prompt", "里斯本 \ud83e\ude81", ""},
                Arguments.recover(command, new String[] {"generate", "--prompt", "??????", ""}));
    }

    @Test
    void plainArgumentsStayAsTheyAre() {
        final String[] given = {"generate", "--help"};

        assertSame(given, Arguments.recover("java\0generate\0--help\0".getBytes(StandardCharsets.UTF_8), given));
        assertSame(given, Arguments.recover("--help\0".getBytes(StandardCharsets.UTF_8), given));
        assertSame(given, Arguments.recover(new byte[0], given));
    }

    @Test
    void argumentsPassThroughOneWord() {
        for (final String[] arguments : new String[][] {{}, {""}, {"a", "", "里\n\"", "b "}}) {
            assertArrayEquals(arguments, Arguments.decode(Arguments.encode(arguments)));
        }
    }
}
