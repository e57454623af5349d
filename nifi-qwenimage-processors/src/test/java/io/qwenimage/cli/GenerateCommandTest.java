package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GenerateCommandTest {
    private final StandInPipeline engine = new StandInPipeline();
    @TempDir
    private Path folder;

    @Test
    void promptAndOutputSufficeAndTheModelRecommendsTheRest() throws IOException {
        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"));

        assertEquals(0, run.status(), run.err());
        assertNull(engine.model);
        assertEquals("cpu", engine.device);
        assertEquals(new TextRequest("a kite", "blurry"), engine.text);
        assertEquals(new DenoiseRequest(64, 48, 3, 2.5, engine.request.seed()), engine.request);
        assertEquals(file("kite.png") + System.lineSeparator(), run.out());
        assertEquals("seed " + engine.request.seed() + System.lineSeparator(), run.err());
        assertEquals(new ImageMetadata("a kite", "blurry", engine.request.seed(), 3, 2.5, "Stand-in", 64, 48,
                ImageMetadata.TRAINED_ALGORITHMIC_MEDIA, ProductVersion.text()), metadata("kite.png"));
        assertEquals(1, engine.opened);
        assertEquals(1, engine.closed);
    }

    @Test
    void everyOptionReachesThePipeline() {
        final CommandRun run = generate("--model", "somewhere", "--prompt", "@kite --over \"Lisbon\"",
                "--negative-prompt", "", "--width", "100", "--height", "80", "--steps", "2", "--true-cfg-scale", "4",
                "--seed", "-7", "--device", "cpu", "--max-sequence-length", "512", "--output", file("kite.webp"));

        assertEquals(0, run.status(), run.err());
        assertEquals(Path.of("somewhere"), engine.model);
        assertEquals(new TextRequest("@kite --over \"Lisbon\"", "", 512), engine.text);
        assertEquals(new DenoiseRequest(100, 80, 2, 4, -7), engine.request);
        assertEquals("size 100 x 80 was rounded to 96 x 80; this model makes multiples of 16"
                + System.lineSeparator(), run.err());
    }

    @Test
    void withoutGuidanceTheNegativePromptIsNotRead() throws IOException {
        generate("--prompt", "a kite", "--true-cfg-scale", "1", "--output", file("kite.jpg"));

        assertNull(engine.text.negativePrompt());
        assertNull(metadata("kite.jpg").negativePrompt());
    }

    @Test
    void drawnSeedsDiffer() {
        generate("--prompt", "a kite", "--output", file("kite.png"));
        final long first = engine.request.seed();
        generate("--prompt", "a kite", "--output", file("kite.png"));

        assertNotEquals(first, engine.request.seed());
    }

    @Test
    void theDumpHoldsEmbeddingsAndEveryStep() {
        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--dump",
                file("dump.safetensors"));

        assertEquals(0, run.status(), run.err());
        try (SafetensorsFile dump = SafetensorsFile.open(folder.resolve("dump.safetensors"))) {
            assertEquals(Set.of("prompt_embeds", "negative_prompt_embeds", "latents.0", "latents.1", "latents.2"),
                    Set.copyOf(dump.names()));
            assertArrayEquals(new float[] {2, 1, 2, 3}, dump.tensor("latents.2").toFloats());
            assertArrayEquals(new float[] {3, 4}, dump.tensor("negative_prompt_embeds").toFloats());
        }
    }

    @Test
    void metadataCanBeLeftOut() throws IOException {
        generate("--prompt", "a kite", "--output", file("kite.png"), "--no-metadata");
        assertEquals(ImageMetadata.NONE, metadata("kite.png"));

        generate("--prompt", "a kite", "--output", file("kite.png"), "--no-prompt-metadata", "--seed", "5");
        assertNull(metadata("kite.png").prompt());
        assertNull(metadata("kite.png").negativePrompt());
        assertEquals(5L, metadata("kite.png").seed());

        generate("--prompt", "a kite", "--output", file("kite.png"), "--metadata", "--prompt-metadata");
        assertEquals("a kite", metadata("kite.png").prompt());
    }

    @Test
    void progressIsToldOnlyWhenAskedForOrWatched() {
        final CommandRun quiet = generate("--prompt", "a kite", "--output", file("kite.png"), "--seed", "5");
        assertEquals("", quiet.err());

        final CommandRun told = generate("--prompt", "a kite", "--output", file("kite.png"), "--seed", "5",
                "--verbose");
        assertTrue(told.err().contains("step 2 of 3"), told.err());
    }

    @Test
    void aFailureLeavesNoHalfFileAndTheOldOneAsItWas() throws IOException {
        Files.writeString(folder.resolve("kite.png"), "old");
        engine.decodingFailure = new ResourceExhaustedException("the decoder needs 9 GB\n  and 2 are free");

        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--dump",
                file("dump.safetensors"));

        assertEquals(1, run.status());
        assertEquals("the decoder needs 9 GB and 2 are free" + System.lineSeparator(), run.err());
        assertEquals(List.of("kite.png"), names());
        assertEquals("old", Files.readString(folder.resolve("kite.png")));
        assertEquals(1, engine.closed);
    }

    @Test
    void faultsOfTheProgramAreOneLineToo() throws IOException {
        engine.decodingFailure = new IllegalStateException("two\nlines");

        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"));

        assertEquals(1, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertEquals(List.of(), names());
    }

    @Test
    void unwritablePlacesAreRefusedBeforeAnyWork() throws IOException {
        Files.createDirectory(folder.resolve("taken.png"));
        Files.writeString(folder.resolve("file"), "");
        for (final String place : List.of("missing/kite.png", "taken.png", "file/kite.png")) {
            final CommandRun run = generate("--prompt", "a kite", "--output", file(place));

            assertEquals(1, run.status(), place);
            assertEquals(1, run.err().lines().count(), run.err());
            assertTrue(run.err().contains("--output " + file(place)), run.err());
            final CommandRun dumping = generate("--prompt", "a kite", "--output", file("kite.png"), "--dump",
                    file(place));
            assertEquals(1, dumping.status(), place);
            assertTrue(dumping.err().contains("--dump " + file(place)), dumping.err());
        }
        assertEquals(0, engine.opened);
        assertEquals(List.of("file", "taken.png"), names());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--output kite.gif", "--output kite", "--output kite.png --width wide",
        "--output kite.png --steps 1.5", "--output kite.png --seed 18446744073709551616", "--output kite.png --colour",
        "--output kite.png --quality 1.5", "--output kite.png --dump kite.png", ""})
    void wrongUsageIsOneLineAndStatusTwo(final String options) throws IOException {
        final List<String> arguments = new ArrayList<>(List.of("--prompt", "a kite"));
        for (final String option : options.split(" ")) {
            if (!option.isEmpty()) {
                arguments.add(option.startsWith("kite") ? file(option) : option);
            }
        }
        final CommandRun run = generate(arguments.toArray(String[]::new));

        assertEquals(2, run.status(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains("see qwenimage generate --help"), run.err());
        assertEquals(List.of(), names());
        assertEquals(0, engine.opened);
    }

    @Test
    void guidanceThatIsNoNumberIsRefused() {
        for (final String scale : List.of("NaN", "Infinity", "-Infinity")) {
            final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--true-cfg-scale",
                    scale);
            assertEquals(1, run.status());
            assertTrue(run.err().contains("--true-cfg-scale is " + scale), run.err());
        }
    }

    @Test
    void picturesMakeItAnEditWhoseSizeFollowsFromThem() throws IOException {
        engine.card = editing(2);

        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--seed", "1", "--image",
                picture("first.png", 3), "--image", picture("second.png", 5), "--dump", file("dump.safetensors"));

        assertEquals(0, run.status(), run.err());
        assertEquals(List.of(3, 5), engine.images.images().stream().map(RgbImage::width).toList());
        assertEquals(new DenoiseRequest(DenoiseRequest.AUTOMATIC, DenoiseRequest.AUTOMATIC, 3, 2.5, 1),
                engine.request);
        assertEquals("", run.err());
        try (SafetensorsFile dump = SafetensorsFile.open(folder.resolve("dump.safetensors"))) {
            assertEquals(Set.of("prompt_embeds", "negative_prompt_embeds", "packed_latents.0", "packed_latents.1",
                    "packed_latents.2"), Set.copyOf(dump.names()));
            assertEquals(Shape.of(1, 4), dump.tensor("packed_latents.2").shape());
        }
    }

    @Test
    void picturesThatTheModelDoesNotTakeAreRefusedByTheirNumber() throws IOException {
        final String picture = picture("first.png", 3);
        final CommandRun none = generate("--prompt", "a kite", "--output", file("kite.png"), "--image", picture);
        assertEquals(1, none.status());
        assertTrue(none.err().startsWith("--image is given 1 times but Stand-in makes pictures from text alone"),
                none.err());

        engine.card = editing(1);
        final CommandRun many = generate("--prompt", "a kite", "--output", file("kite.png"), "--image", picture,
                "--image", picture);
        assertEquals(1, many.status());
        assertTrue(many.err().startsWith("--image is given 2 times but Editor edits 1 to 1 pictures"), many.err());
        final CommandRun missing = generate("--prompt", "a kite", "--output", file("kite.png"));
        assertEquals(1, missing.status());
        assertTrue(missing.err().startsWith("--image is missing: Editor edits pictures"), missing.err());
    }

    @Test
    void aPictureWithAStrengthIsPaintedOver() throws IOException {
        final String picture = picture("first.png", 3);
        final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--seed", "1", "--image",
                picture, "--mask", picture("mask.png", 4), "--strength", "0.5");

        assertEquals(0, run.status(), run.err());
        assertEquals(new DenoiseRequest(64, 48, 3, 2.5, 1, 0.5), engine.request);
        assertEquals(4, engine.images.start().mask().width());
        assertEquals(64, engine.images.start().width());

        final CommandRun none = generate("--prompt", "a kite", "--output", file("kite.png"), "--strength", "0.5");
        assertEquals(1, none.status());
        assertTrue(none.err().startsWith("--strength needs one --image"), none.err());
        final CommandRun lone = generate("--prompt", "a kite", "--output", file("kite.png"), "--mask", picture);
        assertEquals(2, lone.status());
    }

    @Test
    void aFileThatIsNoPictureIsRefusedByItsName() throws IOException {
        engine.card = editing(1);
        Files.writeString(folder.resolve("text.png"), "no picture");
        for (final String name : List.of("text.png", "missing.png")) {
            final CommandRun run = generate("--prompt", "a kite", "--output", file("kite.png"), "--image", file(name));
            assertEquals(1, run.status());
            assertTrue(run.err().startsWith("--image " + file(name)), run.err());
            assertEquals(1, run.err().lines().count(), run.err());
        }
    }

    private static ModelCard editing(final int maximumPictures) {
        return new ModelCard("editor-1", "Editor", true, 16, 64, 48, 3, 2.5, "blurry", maximumPictures);
    }

    private String picture(final String name, final int width) throws IOException {
        try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
            ImageEncoder.write(new RgbImage(width, 2, new byte[width * 6]), ImageFormat.PNG, 1, ImageMetadata.NONE,
                    out);
        }
        return file(name);
    }

    private CommandRun generate(final String... arguments) {
        return CommandRun.of(engine, Stream.concat(Stream.of("generate"), Stream.of(arguments))
                .toArray(String[]::new));
    }

    private String file(final String name) {
        return folder.resolve(name).toString();
    }

    private ImageMetadata metadata(final String name) throws IOException {
        return ImageMetadata.read(Files.readAllBytes(folder.resolve(name)));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        }
    }
}
