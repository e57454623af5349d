package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tokenizer.Tokenizer;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Files of pictures and a question in, text out: the whole line against transformers, in goldens-vision/chat and in the
 * folders that the property {@code qwenimage.chat.cases} names.
 */
@Tag("models")
final class ChatGoldenTest {
    private static final Path CHATS = Path.of("src/test/resources/goldens-vision/chat");

    @TestFactory
    List<DynamicTest> answersEqualTheReference() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        for (final Path folder : caseFolders()) {
            for (final Backends.Named backend : CudaCases.backends(folder)) {
                tests.add(dynamicTest(folder.getFileName() + " on " + backend, () -> check(folder, backend)));
            }
        }
        return tests;
    }

    private static void check(final Path folder, final Backends.Named named) throws IOException {
        final JsonNode description = new ObjectMapper().readTree(folder.resolve("case.json").toFile());
        final List<RgbImage> images = new ArrayList<>();
        for (final JsonNode name : description.path("images")) {
            images.add(ImageDecoder.read(Files.readAllBytes(folder.resolve(name.asText()))));
        }
        final Path model = folder.resolve(description.get("model").asText());
        try (Backend backend = named.open();
                VisionLanguagePipeline pipeline = StandardVisionLanguagePipeline.open(model, backend);
                WeightSource expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
            final int tokens = CudaCases.tokens(named, description.get("max_new_tokens").asInt());
            final StringBuilder heard = new StringBuilder();
            final ChatAnswer answer = pipeline.chat(new ChatRequest(images, description.get("prompt").asText(), tokens,
                    null, List.of()), comparing(expected, description.at("/tolerance"), named, heard),
                    Cancellation.NEVER);
            assertArrayEquals(VisionGoldens.ints(expected.tensor("input_ids")), answer.inputIds());
            final int[] ids = answer.tokenIds();
            final int[] wanted = VisionGoldens.ints(expected.tensor("token_ids"));
            if (named.rounding() == 0) {
                assertArrayEquals(Arrays.copyOf(wanted, Math.min(wanted.length, tokens)), ids);
            } else {
                CudaCases.assertAmongTheBest(named, ids[0], expected.tensor("logits").toFloats());
            }
            assertEquals(answer.text(), heard.toString());
            if (Arrays.equals(ids, wanted)) {
                assertEquals(description.get("text").asText(), answer.text());
            }
            try (Tokenizer tokenizer = Tokenizer.open(model)) {
                assertEquals(tokenizer.decode(answer.finished() ? Arrays.copyOf(ids, ids.length - 1) : ids),
                        answer.markedText());
            }
        }
    }

    private static ChatObserver comparing(final WeightSource expected, final JsonNode tolerance,
            final Backends.Named named, final StringBuilder heard) {
        return new ChatObserver() {
            @Override
            public boolean wantsTensors() {
                return true;
            }

            @Override
            public void onTensor(final String name, final HostTensor values) {
                named.assertClose(name, expected.tensor(name), values,
                        tolerance.path(name).asDouble(tolerance.get("relative").asDouble()));
            }

            @Override
            public void onText(final String piece) {
                heard.append(piece);
            }
        };
    }

    private static List<Path> caseFolders() throws IOException {
        final List<Path> roots = new ArrayList<>(List.of(CHATS));
        final String elsewhere = System.getProperty("qwenimage.chat.cases", "");
        Arrays.stream(elsewhere.split(java.io.File.pathSeparator)).filter(path -> !path.isBlank()).map(Path::of)
                .forEach(roots::add);
        final List<Path> folders = new ArrayList<>();
        for (final Path root : roots) {
            if (Files.exists(root.resolve("case.json"))) {
                folders.add(root);
                continue;
            }
            try (DirectoryStream<Path> children = Files.newDirectoryStream(root,
                    child -> Files.exists(child.resolve("case.json")))) {
                children.forEach(folders::add);
            }
        }
        return folders;
    }
}
