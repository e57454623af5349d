package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.pipeline.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizeCommandTest {
    @TempDir
    private Path folder;

    @Test
    void idsComeAsAnArrayForEveryText() throws IOException {
        final CommandRun run = tokenize(DemoModel.unpack(folder), "[\"a red kite\", \"\", \"<|im_start|>里斯本 🪁\"]");

        assertEquals(0, run.status(), run.err());
        final JsonNode ids = new ObjectMapper().readTree(run.out());
        assertEquals(3, ids.size());
        assertTrue(ids.get(0).size() > 0 && ids.get(0).get(0).isInt(), run.out());
        assertEquals(0, ids.get(1).size());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "\"text\"", "[1]", "[\"a\", null]", "[", ""})
    void whatIsNoArrayOfTextsIsRefused(final String json) throws IOException {
        final CommandRun run = tokenize(folder, json);

        assertEquals(1, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains("give a JSON array of strings"), run.err());
    }

    @Test
    void aMissingTokenizerIsNamed() throws IOException {
        final CommandRun run = tokenize(folder.resolve("nowhere"), "[]");

        assertEquals(1, run.status());
        assertTrue(run.err().contains("nowhere"), run.err());
    }

    private CommandRun tokenize(final Path model, final String json) throws IOException {
        final Path texts = Files.writeString(folder.resolve("texts.json"), json);
        return CommandRun.of(new StandInPipeline(), "tokenize", "--tokenizer", model.resolve("tokenizer").toString(),
                "--texts", texts.toString());
    }
}
