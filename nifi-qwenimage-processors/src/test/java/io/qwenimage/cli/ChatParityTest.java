package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.Tensors;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command chat with the engine itself, against transformers, and with model folders that will not do. */
class ChatParityTest {
    private static final Path GOLDENS = Path.of("src/test/resources/goldens-vision");
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"repeated-grey-turned-jpeg", "qwen2-two-pictures", "qwen3-no-picture"})
    void jsonAndDumpHoldWhatTheReferenceComputes(final String name) throws IOException {
        final Path example = GOLDENS.resolve("chat").resolve(name);
        final JsonNode description = new ObjectMapper().readTree(example.resolve("case.json").toFile());
        final List<String> arguments = new ArrayList<>(List.of("chat", "--model",
                example.resolve(description.get("model").asText()).toString(), "--prompt",
                description.get("prompt").asText(), "--max-new-tokens", description.get("max_new_tokens").asText(),
                "--json", folder.resolve("answer.json").toString(), "--dump",
                folder.resolve("dump.safetensors").toString()));
        description.get("images").forEach(image -> arguments.addAll(List.of("--image",
                example.resolve(image.asText()).toString())));

        final CommandRun run = CommandRun.of(new StandardEngineFactory(), arguments.toArray(String[]::new));

        assertEquals(0, run.status(), run.err());
        final JsonNode answer = new ObjectMapper().readTree(folder.resolve("answer.json").toFile());
        assertEquals(description.get("text"), answer.get("text"));
        assertEquals(description.get("text").asText() + System.lineSeparator(), run.out());
        try (SafetensorsFile expected = SafetensorsFile.open(example.resolve("expected.safetensors"));
                SafetensorsFile dump = SafetensorsFile.open(folder.resolve("dump.safetensors"))) {
            assertArrayEquals(expected.tensor("input_ids").toLongs(), longs(answer.get("input_ids")));
            assertArrayEquals(expected.tensor("token_ids").toLongs(), longs(answer.get("token_ids")));
            assertEquals(description.get("images").isEmpty() ? 1 : 3, dump.names().size());
            for (final String tensor : dump.names()) {
                Tensors.assertClose(tensor, expected.tensor(tensor), dump.tensor(tensor), 1e-3);
            }
        }
    }

    @Test
    void modelFoldersThatWillNotDoAreNamed() throws IOException {
        Files.writeString(folder.resolve("file"), "");
        Files.createDirectory(folder.resolve("empty"));
        Files.createDirectory(folder.resolve("other"));
        Files.writeString(folder.resolve("other").resolve("config.json"), "{\"model_type\": \"bert\"}");
        Files.createDirectory(folder.resolve("damaged"));
        Files.writeString(folder.resolve("damaged").resolve("config.json"), "{\"model_type\": \"qwen2_5_");
        for (final String name : List.of("file", "empty", "other", "damaged", "missing")) {
            final CommandRun run = CommandRun.of(new StandardEngineFactory(), "chat", "--model",
                    folder.resolve(name).toString(), "--prompt", "?");

            assertEquals(1, run.status(), name);
            assertEquals(1, run.err().lines().count(), run.err());
            assertTrue(run.err().contains(folder.resolve(name).toString()), run.err());
            assertTrue(!run.err().contains("fault of this program"), run.err());
        }
    }

    @Test
    void aModelWithAFileMissingIsNamedWithTheFile() throws IOException {
        final Path model = Files.createDirectory(folder.resolve("model"));
        try (Stream<Path> files = Files.list(GOLDENS.resolve("models").resolve("qwen2vl-flat-bf16"))) {
            for (final Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        final List<Path> shards;
        try (Stream<Path> files = Files.list(model)) {
            shards = files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
        }
        final byte[] whole = Files.readAllBytes(shards.get(0));
        Files.write(shards.get(0), Arrays.copyOf(whole, whole.length / 2));
        assertNames(model, shards.get(0).getFileName().toString());
        Files.delete(shards.get(0));
        assertNames(model, shards.get(0).getFileName().toString());
        Files.write(shards.get(0), whole);
        Files.delete(model.resolve("chat_template.json"));
        assertNames(model, "chat_template");
    }

    private static void assertNames(final Path model, final String what) {
        final CommandRun run = CommandRun.of(new StandardEngineFactory(), "chat", "--model", model.toString(), "--prompt",
                "?");
        assertEquals(1, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains(what) && !run.err().contains("fault of this program"), run.err());
    }

    private static long[] longs(final JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).mapToLong(JsonNode::asLong).toArray();
    }
}
