package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineInterfaceTest {
    @Test
    void withoutACommandTheCommandsAreNamed() {
        final CommandRun run = CommandRun.of(new StandInPipeline());

        assertEquals(2, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains("generate, chat, caption, ground, tokenize"), run.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"paint", "--paint", "chat", "caption"})
    void whatIsNoCommandIsWrongUsage(final String argument) {
        final CommandRun run = CommandRun.of(new StandInPipeline(), argument);

        assertEquals(2, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains(argument), run.err());
    }

    @Test
    void helpAndVersionAreOnStandardOutput() {
        assertTrue(CommandRun.of(new StandInPipeline(), "--version").out().startsWith("nifi-qwenimage"));
        final CommandRun help = CommandRun.of(new StandInPipeline(), "generate", "--help");
        assertEquals(0, help.status());
        assertTrue(help.out().contains("--true-cfg-scale=X"), help.out());
        assertEquals("", help.err());
    }
}
