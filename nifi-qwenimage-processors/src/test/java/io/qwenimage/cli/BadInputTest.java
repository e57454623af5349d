package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What people type wrong, against the engine itself with the embedded demo model. */
class BadInputTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"--width,0", "--width,-16", "--height,100000", "--height,2147483647", "--steps,0", "--steps,-1",
        "--steps,1000000000", "--true-cfg-scale,NaN", "--true-cfg-scale,-Infinity", "--max-sequence-length,0",
        "--device,abacus", "--model,/does/not/exist"})
    void oneLineNamesTheThingAndTheValue(final String option, final String value) throws IOException {
        final CommandRun run = generate("a kite", option, value);

        assertEquals(1, run.status(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains(value), run.err());
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void aSingleStepIsRefusedWhereTheSchedulerCannotTakeIt() {
        final CommandRun run = generate("a kite", "--steps", "1");

        assertEquals(1, run.status());
        assertTrue(run.err().startsWith("the number of inference steps is 1, but this model's scheduler"), run.err());
    }

    @Test
    void anEmptyPromptIsRefused() {
        for (final String prompt : List.of("", " ", "\n\t")) {
            final CommandRun run = generate(prompt);
            assertEquals(1, run.status());
            assertTrue(run.err().contains("prompt is empty"), run.err());
        }
    }

    @Test
    void aPromptOfAMegabyteIsRefusedByItsLength() {
        final CommandRun run = generate("kite ".repeat(200_000));

        assertEquals(1, run.status());
        assertEquals(1, run.err().lines().count());
        assertTrue(run.err().contains("1000000"), run.err());
        assertTrue(run.err().length() < 1000, "the message repeats the prompt");
    }

    @Test
    void goodInputMakesTheSamePictureTwice() throws IOException {
        assertEquals(0, generate("a kite", "--seed", "3", "--steps", "2", "--width", "64", "--height", "48").status());
        final byte[] first = Files.readAllBytes(folder.resolve("kite.png"));
        assertEquals(0, generate("a kite", "--seed", "3", "--steps", "2", "--width", "64", "--height", "48").status());

        assertEquals(-1, Arrays.mismatch(first, Files.readAllBytes(folder.resolve("kite.png"))));
        assertEquals(64, ImageMetadata.read(first).width());
        assertFalse(ImageMetadata.read(first).model().isEmpty());
    }

    private CommandRun generate(final String prompt, final String... more) {
        final List<String> arguments = new ArrayList<>(List.of("generate", "--prompt", prompt, "--output",
                folder.resolve("kite.png").toString()));
        arguments.addAll(List.of(more));
        return CommandRun.of(new StandardEngineFactory(), arguments.toArray(String[]::new));
    }
}
