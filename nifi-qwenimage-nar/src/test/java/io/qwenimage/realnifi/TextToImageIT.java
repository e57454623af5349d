package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.geom.Point2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Node;

/**
 * Prompts through the shipped flow in a real NiFi, with the embedded demo model: pictures, failures, and a stop in the
 * middle.
 */
@ExtendWith(RealNiFi.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TextToImageIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String PNG_METADATA = "javax_imageio_png_1.0";
    private static final String STEPS_COUNTER = "Denoising Steps";

    private final NiFiInstance nifi;
    private TextToImageFlow flow;

    TextToImageIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    @BeforeAll
    void startFlow(@TempDir final Path folder) throws IOException, InterruptedException {
        flow = TextToImageFlow.start(nifi, RealNiFi.flowTemplates().resolve(TextToImageFlow.TEMPLATE), folder,
                NiFiInstance.freePort());
    }

    @AfterAll
    void removeFlow() throws IOException, InterruptedException {
        if (flow != null) {
            flow.close();
        }
    }

    @Test
    void promptInFileBecomesPictureOfRecommendedSize() throws IOException, InterruptedException {
        final JsonNode card;
        try (InputStream stream = TextToImageIT.class.getResourceAsStream("/io/qwenimage/demo/qwenimage.json")) {
            card = NiFiClient.JSON.readTree(stream).path("recommended");
        }
        flow.sendFile("circle.txt", "a red circle, 红色的圆".getBytes(StandardCharsets.UTF_8));
        final byte[] picture = flow.awaitPicture("circle.png", LIMIT);
        final BufferedImage image = ImageIO.read(new ByteArrayInputStream(picture));
        assertEquals(card.path("width").asInt(), image.getWidth());
        assertEquals(card.path("height").asInt(), image.getHeight());
        assertTrue(texts(picture).stream().anyMatch(text -> text.contains("a red circle, 红色的圆")),
                () -> "no prompt in " + texts(picture));
    }

    @Test
    void pictureShowsWhatWasAskedForAndWhere() throws IOException, InterruptedException {
        final Map<String, List<String>> wanted = Map.of(
                "a red circle", List.of("red circle"),
                "a large red circle to the left of a large blue square", List.of("red circle", "blue square"),
                "a green triangle", List.of("green triangle"),
                "a small blue star", List.of("blue star"),
                "a yellow star to the left of a purple triangle on a grey background",
                List.of("yellow star", "purple triangle"));
        for (final Map.Entry<String, List<String>> prompt : wanted.entrySet()) {
            final String name = flow.sendHttp(prompt.getKey(), "seed=7");
            final byte[] picture = flow.awaitPicture(name + ".png", LIMIT);
            final ShapeChecker.Sight sight = ShapeChecker.look(ImageIO.read(new ByteArrayInputStream(picture)));
            assertEquals(prompt.getValue(), sight.names(), prompt.getKey());
            assertEquals(0, sight.specks(), prompt.getKey());
        }
    }

    @Test
    void pictureShowsThingAtItsPlace() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a small orange square in the bottom right corner", "seed=7");
        final ShapeChecker.Sight sight = ShapeChecker.look(ImageIO.read(new ByteArrayInputStream(
                flow.awaitPicture(name + ".png", LIMIT))));
        assertEquals(List.of("orange square"), sight.names());
        final Point2D middle = sight.things().getFirst().middle();
        assertTrue(middle.getX() > 78 && middle.getY() > 78, () -> "it is at " + middle);
    }

    @Test
    void pictureShowsOneThingAboveTheOther() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a white star above a red circle on a black background", "seed=7");
        final List<ShapeChecker.Thing> things = new ArrayList<>(ShapeChecker.look(ImageIO.read(
                new ByteArrayInputStream(flow.awaitPicture(name + ".png", LIMIT)))).things());
        things.sort(Comparator.comparingDouble(thing -> thing.middle().getY()));
        assertEquals(List.of("white star", "red circle"), things.stream().map(ShapeChecker.Thing::name).toList());
    }

    @Test
    void promptOverHttpBecomesPictureWithTheSettingsOfItsQuery() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a blue square", "seed=7&steps=2&width=96&height=64&scale=2.5&negative=dull");
        final byte[] picture = flow.awaitPicture(name + ".png", LIMIT);
        final BufferedImage image = ImageIO.read(new ByteArrayInputStream(picture));
        assertEquals(96, image.getWidth());
        assertEquals(64, image.getHeight());
        final String metadata = String.join("\n", texts(picture));
        for (final String expected : List.of("a blue square", "dull", "7", "2.5", "trainedAlgorithmicMedia")) {
            assertTrue(metadata.contains(expected), () -> expected + " is not in the picture's metadata: " + metadata);
        }
    }

    @Test
    void sameSeedGivesSamePictureAndAnotherSeedAnother() throws IOException, InterruptedException {
        final List<int[]> pictures = new ArrayList<>();
        for (final int seed : List.of(11, 11, 12)) {
            final String name = flow.sendHttp("a yellow star", "steps=2&width=64&height=96&seed=" + seed);
            pictures.add(pixels(flow.awaitPicture(name + ".png", LIMIT)));
        }
        assertArrayEquals(pictures.get(0), pictures.get(1));
        assertFalse(Arrays.equals(pictures.get(0), pictures.get(2)), "two seeds gave the same picture");
    }

    @Test
    void onePromptGivesSeveralPictures() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a green circle", "count=2&seed=40&steps=2&width=64&height=64");
        final int[] first = pixels(flow.awaitPicture(name + "-40.png", LIMIT));
        final int[] second = pixels(flow.awaitPicture(name + "-41.png", LIMIT));
        assertFalse(Arrays.equals(first, second), "two seeds gave the same picture");
    }

    @Test
    void promptThatIsNoTextIsKeptUntouchedAndExplainedOnTheCanvas() throws IOException, InterruptedException {
        final byte[] noText = {'a', (byte) 0xff, (byte) 0xfe, 'b'};
        flow.sendFile("no-text.txt", noText);
        final Path kept = flow.awaitFailure("no-text.txt", LIMIT);
        assertArrayEquals(noText, Files.readAllBytes(kept));
        final Poll told = new Poll("a bulletin on no-text.txt", LIMIT, () -> "");
        told.until(flow.group()::bulletins, bulletins -> bulletins.stream().anyMatch(bulletin ->
                bulletin.startsWith("ERROR Say what failed") && bulletin.contains("no-text.txt")
                        && bulletin.contains("UTF-8")));
        assertFalse(Files.exists(flow.pictures().resolve("no-text.png")));
    }

    @Test
    void emptyPromptFailsAndTheNextOneBecomesPicture() throws IOException, InterruptedException {
        flow.sendFile("empty.txt", new byte[0]);
        flow.awaitFailure("empty.txt", LIMIT);
        final String name = flow.sendHttp("a red square", "steps=2&width=64&height=64");
        assertTrue(pixels(flow.awaitPicture(name + ".png", LIMIT)).length > 0);
    }

    @Test
    void sizeThatCannotBeMadeLeavesTheEncodedPromptAsItWas() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a blue circle", "width=0");
        final byte[] kept = Files.readAllBytes(flow.awaitFailure(name + ".safetensors", LIMIT));
        assertArrayEquals(encodedContent(name), kept);
    }

    @Test
    void stopIsHonouredAtTheNextStepAndTheFlowFileReturnsToItsQueue() throws IOException, InterruptedException {
        final long before = denoisingSteps();
        final String name = flow.sendHttp("a yellow circle", "steps=1000&width=256&height=256&seed=3");
        final Poll working = new Poll("denoising steps", LIMIT, flow.group()::bulletinsText);
        working.until(this::denoisingSteps, steps -> steps >= before + 2);
        flow.group().switchProcessor(TextToImageFlow.DENOISE, "STOPPED");
        final Poll stopped = new Poll("Denoise to stop", LIMIT, flow.group()::bulletinsText);
        stopped.until(() -> flow.group().activeThreads(TextToImageFlow.DENOISE), threads -> threads == 0);
        assertTrue(denoisingSteps() < before + 1000, "the stop came only when all steps were done");

        final List<ImportedFlow.Waiting> waiting = flow.group().waitingAfter(TextToImageFlow.ENCODE);
        assertEquals(1, waiting.size());
        assertArrayEquals(encodedContent(name), flow.group().content(waiting.getFirst()));
        flow.group().emptyQueues();
        flow.group().switchProcessor(TextToImageFlow.DENOISE, "RUNNING");
        final String next = flow.sendHttp("a yellow circle", "steps=2&width=64&height=64");
        flow.awaitPicture(next + ".png", LIMIT);
    }

    @Test
    void provenanceShowsHowThePictureWasMade() throws IOException, InterruptedException {
        final String name = flow.sendHttp("a green square", "steps=2&width=64&height=64&seed=21");
        final byte[] picture = flow.awaitPicture(name + ".png", LIMIT);
        final JsonNode event = event(TextToImageFlow.DECODE, name + ".png");
        assertArrayEquals(picture, nifi.client().outputContent(event));
        assertTrue(event("Denoise", name + ".safetensors").path("details").asText().contains("seed 21"));
    }

    private long denoisingSteps() throws IOException, InterruptedException {
        long steps = 0;
        for (final Map.Entry<String, Long> counter : nifi.client().counters().entrySet()) {
            final String name = counter.getKey();
            if (name.startsWith(TextToImageFlow.DENOISE + " (") && name.endsWith(STEPS_COUNTER)) {
                steps += counter.getValue();
            }
        }
        return steps;
    }

    private byte[] encodedContent(final String name) throws IOException, InterruptedException {
        return nifi.client().outputContent(event(TextToImageFlow.ENCODE, name + ".safetensors"));
    }

    /** The last change of content that a processor made to a FlowFile of a name. */
    private JsonNode event(final String processor, final String filename) throws IOException, InterruptedException {
        final String id = flow.group().processorId(processor);
        final Poll indexed = new Poll("the provenance of " + filename, LIMIT, () -> "");
        return indexed.until(() -> nifi.client().provenance(id).stream()
                .filter(event -> "CONTENT_MODIFIED".equals(event.path("eventType").asText())
                        && filename.equals(NiFiClient.attribute(event, "filename"))).toList(),
                events -> !events.isEmpty()).getFirst();
    }

    private static int[] pixels(final byte[] picture) throws IOException {
        final BufferedImage image = ImageIO.read(new ByteArrayInputStream(picture));
        return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
    }

    /** All attribute values in a PNG's metadata: keywords and texts of its text chunks are among them. */
    private static List<String> texts(final byte[] picture) {
        final ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
        try (ImageInputStream stream = ImageIO.createImageInputStream(new ByteArrayInputStream(picture))) {
            reader.setInput(stream);
            final List<String> texts = new ArrayList<>();
            collect(reader.getImageMetadata(0).getAsTree(PNG_METADATA), texts);
            return texts;
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            reader.dispose();
        }
    }

    private static void collect(final Node node, final List<String> texts) {
        for (int index = 0; node.getAttributes() != null && index < node.getAttributes().getLength(); index++) {
            texts.add(node.getAttributes().item(index).getNodeValue());
        }
        for (Node child = node.getFirstChild(); child != null; child = child.getNextSibling()) {
            collect(child, texts);
        }
    }
}
