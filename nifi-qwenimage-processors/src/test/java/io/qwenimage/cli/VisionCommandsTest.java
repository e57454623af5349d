package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.CaptionPreset;
import io.qwenimage.pipeline.ChatRequest;
import io.qwenimage.pipeline.ScriptedPipeline;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands chat, caption and ground over a model that says what it is told to. */
class VisionCommandsTest {
    private static final String END = System.lineSeparator();
    private final StandInPipeline engine = new StandInPipeline();
    @TempDir
    private Path folder;

    @BeforeEach
    void writePicture() throws IOException {
        try (OutputStream out = Files.newOutputStream(folder.resolve("kite.png"))) {
            ImageEncoder.write(new RgbImage(200, 100, new byte[200 * 100 * 3]), ImageFormat.PNG,
                    ImageEncoder.DEFAULT_QUALITY, ImageMetadata.NONE, out);
        }
    }

    @Test
    void chatAnswersGreedilyUnlessSamplingIsAskedFor() {
        final CommandRun run = run("A red kite.", "chat", "--image", file("kite.png"), "--image", file("kite.png"),
                "--prompt", "@What?", "--max-new-tokens", "40", "--seed", "3");

        assertEquals(0, run.status(), run.err());
        assertEquals("A red kite." + END, run.out());
        assertEquals("", run.err());
        final ChatRequest asked = engine.scripted.requests.get(0);
        assertEquals("@What?", asked.prompt());
        assertEquals(40, asked.maxNewTokens());
        assertEquals(2, asked.images().size());
        assertNull(asked.sampling());
        assertEquals(1, engine.scripted.closed);
        assertEquals(Path.of("somewhere"), engine.model);
    }

    @Test
    void samplingBeginsWithWhatTheModelRecommends() {
        run("ok", "chat", "--prompt", "?", "--do-sample", "--seed", "3", "--top-k", "7");
        assertEquals(new SamplingSettings(true, 0.5, 7, 0.9, 1.1, 3), engine.scripted.requests.get(0).sampling());

        run("ok", "chat", "--prompt", "?", "--do-sample", "--temperature", "2", "--top-p", "1", "--repetition-penalty",
                "1", "--top-k", "0", "--seed", "-4", "--stop", "END", "--stop", "STOP");
        assertEquals(new SamplingSettings(true, 2, 0, 1, 1, -4), engine.scripted.requests.get(0).sampling());
        assertEquals(List.of("END", "STOP"), engine.scripted.requests.get(0).stopStrings());

        run("ok", "chat", "--prompt", "?", "--repetition-penalty", "1.3");
        assertEquals(new SamplingSettings(false, 0.5, 30, 0.9, 1.3, 0), engine.scripted.requests.get(0).sampling());

        final CommandRun drawn = run("ok", "chat", "--prompt", "?", "--do-sample");
        assertEquals("seed " + engine.scripted.requests.get(0).sampling().seed() + END, drawn.err());
    }

    @Test
    void chatWritesTokensTextAndTensors() throws IOException {
        final CommandRun run = run("A \"kite\".", "chat", "--prompt", "?", "--json", file("answer.json"), "--dump",
                file("dump.safetensors"));

        assertEquals(0, run.status(), run.err());
        assertEquals(new ObjectMapper().readTree("{\"input_ids\": [1, 2, 3], \"token_ids\": [4, 5], \"text\": \"A "
                + "\\\"kite\\\".\", \"finished\": true}"), json("answer.json"));
        try (SafetensorsFile dump = SafetensorsFile.open(folder.resolve("dump.safetensors"))) {
            assertEquals(Set.of("logits"), Set.copyOf(dump.names()));
        }
    }

    @Test
    void captionAsksItsPresetOrAQuestion() {
        run("kite, sky", "caption", "--image", file("kite.png"), "--preset", "alt-text");
        assertEquals(CaptionPreset.ALT_TEXT.prompt(), engine.scripted.requests.get(0).prompt());
        run("kite, sky", "caption", "--image", file("kite.png"), "--prompt", "Why?");
        assertEquals("Why?", engine.scripted.requests.get(0).prompt());
        assertEquals("A kite." + END, run("A kite.", "caption", "--image", file("kite.png")).out());
        assertEquals(CaptionPreset.CAPTION.prompt(), engine.scripted.requests.get(0).prompt());
    }

    @Test
    void captionHoldsJsonAgainstASchema() throws IOException {
        Files.writeString(folder.resolve("schema.json"), "{\"type\": \"object\", \"required\": [\"colour\"]}");
        engine.scripted = new ScriptedPipeline("qwen3_vl", "red", "```json\n{\"colour\": \"red\"}\n```");

        final CommandRun run = CommandRun.of(engine, "caption", "--model", "somewhere", "--image", file("kite.png"),
                "--schema", file("schema.json"), "--json", file("answer.json"));

        assertEquals(0, run.status(), run.err());
        assertEquals("{\"colour\":\"red\"}" + END, run.out());
        assertEquals("red", json("answer.json").at("/json/colour").asText());
        assertEquals(2, json("answer.json").at("/attempts").asInt());

        final CommandRun refused = run("red", "caption", "--image", file("kite.png"), "--schema", file("schema.json"),
                "--retries", "0");
        assertEquals(1, refused.status());
        assertTrue(refused.err().contains("there is no JSON in it, it reads: red"), refused.err());
        assertEquals("", refused.out());
    }

    @Test
    void textWithPlacesComesInPixelsOfThePicture() throws IOException {
        run("[{\"bbox_2d\": [10, 5, 50, 40], \"text_content\": \"EXIT\"}]", "caption", "--image", file("kite.png"),
                "--preset", "ocr-with-boxes", "--json", file("answer.json"));

        assertEquals("[{\"label\":\"EXIT\",\"box\":[20,10,100,80]}]", json("answer.json").get("boxes").toString());
    }

    @Test
    void groundFindsBoxesInPixelsOfThePicture() throws IOException {
        final CommandRun run = run("[{\"bbox_2d\": [10, 5, 50, 40], \"label\": \"red\\nkite\"}]", "ground", "--image",
                file("kite.png"), "--phrase", "kite", "--phrase", "tower", "--json", file("boxes.json"), "--annotated",
                file("drawn.png"));

        assertEquals(0, run.status(), run.err());
        assertEquals("20 10 100 80 red kite" + END, run.out());
        assertEquals("[{\"label\":\"red\\nkite\",\"box\":[20,10,100,80]}]", json("boxes.json").get("boxes").toString());
        assertEquals(200, json("boxes.json").get("width").asInt());
        assertEquals("[4,5]", json("boxes.json").get("token_ids").toString());
        final RgbImage drawn = ImageDecoder.read(Files.readAllBytes(folder.resolve("drawn.png")));
        assertFalse(drawn.rgb()[3 * (79 * 200 + 50)] == 0 && drawn.rgb()[3 * (79 * 200 + 50) + 1] == 0);
    }

    @Test
    void nothingFoundIsToldAndNoFailure() throws IOException {
        final CommandRun run = run("There is\nno kite.", "ground", "--image", file("kite.png"), "--phrase", "kite",
                "--json", file("boxes.json"));

        assertEquals(0, run.status());
        assertEquals("", run.out());
        assertEquals("nothing was found; the model answered: There is no kite." + END, run.err());
        assertEquals("[]", json("boxes.json").get("boxes").toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"chat", "chat --prompt ? --temperature 1", "chat --prompt ? --top-k 3",
        "chat --prompt ? --max-new-tokens many", "chat --prompt ? --json same --dump same", "caption",
        "caption --image kite.png --preset poem", "ground --phrase kite", "ground --image kite.png",
        "ground --image kite.png --image kite.png --phrase kite",
        "ground --image kite.png --phrase kite --annotated drawn.gif"})
    void wrongUsageIsOneLineAndStatusTwo(final String arguments) {
        final CommandRun run = run("ok", Stream.of(arguments.split(" ")).map(word -> word.endsWith(".png")
                || word.equals("same") ? file(word) : word).toArray(String[]::new));

        assertEquals(2, run.status(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertEquals(0, engine.opened);
    }

    @Test
    void withoutAModelTheDemoIsOpened() {
        engine.scripted = new ScriptedPipeline("qwen2_5_vl", "ok");
        final CommandRun run = CommandRun.of(engine, "chat", "--prompt", "?");
        assertEquals(0, run.status(), run.err());
        assertEquals(1, engine.opened);
        assertNull(engine.model);
    }

    @Test
    void picturesThatAreNoneAreRefusedByNameBeforeTheModelIsOpened() throws IOException {
        Files.writeString(folder.resolve("text.png"), "no picture");
        final byte[] whole = Files.readAllBytes(folder.resolve("kite.png"));
        Files.write(folder.resolve("half.png"), Arrays.copyOf(whole, whole.length / 2));
        for (final String name : List.of("text.png", "half.png", "missing.png", "")) {
            final CommandRun run = run("ok", "chat", "--prompt", "?", "--image", file(name), "--json", file("j.json"));

            assertEquals(1, run.status(), name);
            assertEquals(1, run.err().lines().count(), run.err());
            assertTrue(run.err().contains("--image " + file(name)), run.err());
            assertFalse(Files.exists(folder.resolve("j.json")));
        }
        assertEquals(0, engine.opened);
    }

    private CommandRun run(final String answer, final String command, final String... arguments) {
        return run(answer, Stream.concat(Stream.of(command), Stream.of(arguments)).toArray(String[]::new));
    }

    private CommandRun run(final String answer, final String[] arguments) {
        engine.scripted = new ScriptedPipeline("qwen2_5_vl", answer);
        return CommandRun.of(engine, Stream.concat(Stream.of(arguments), Stream.of("--model", "somewhere"))
                .toArray(String[]::new));
    }

    private String file(final String name) {
        return folder.resolve(name).toString();
    }

    private JsonNode json(final String name) throws IOException {
        return new ObjectMapper().readTree(folder.resolve(name).toFile());
    }
}
