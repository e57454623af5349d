package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Rectangle;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Pictures through the shipped flows: the embedded demo says what they show and where, a tiny editor changes one. */
@ExtendWith(RealNiFi.class)
class VisionFlowsIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final byte[] NO_PICTURE = "a kite".getBytes(StandardCharsets.UTF_8);
    private static final Color RED = new Color(220, 40, 40);
    private static final Color BLUE = new Color(40, 80, 220);
    private static final Color YELLOW = new Color(250, 210, 40);
    private static final Rectangle LEFT = new Rectangle(16, 46, 36, 36);
    private static final Rectangle RIGHT = new Rectangle(78, 48, 32, 32);
    private static final double OVERLAP = 0.5;

    private final NiFiInstance nifi;
    @TempDir
    private Path folder;

    VisionFlowsIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    @Test
    void everyPictureBecomesLineOfTheIndexThatSaysWhatItShows() throws IOException, InterruptedException {
        try (PictureFlow flow = start(PictureFlow.CAPTION, Map.of())) {
            flow.send("two.png", redCircleAndBlueSquare());
            flow.send("one.png", yellowSquare());
            flow.send("text.png", NO_PICTURE);
            final Map<String, JsonNode> lines = new TreeMap<>();
            for (final JsonNode line : flow.awaitIndex(2, LIMIT)) {
                lines.put(line.path("filename").asText(), line);
                assertEquals(List.of("alt_text", "caption", "filename", "tags"), sorted(line));
            }
            assertEquals(List.of("one.png", "two.png"), List.copyOf(lines.keySet()));
            assertSays(lines.get("two.png"), "red circle", "blue square");
            assertSays(lines.get("one.png"), "yellow square");
            assertArrayEquals(NO_PICTURE, Files.readAllBytes(flow.await("failures-folder", 1, LIMIT).getFirst()));
            assertEquals(2, flow.await("indexed-folder", 2, LIMIT).size());
        }
    }

    @Test
    void thingsAreFoundWhereTheyAre() throws IOException, InterruptedException {
        try (PictureFlow flow = start(PictureFlow.GROUND, Map.of("phrases", "red circle, blue square"))) {
            flow.send("two.png", redCircleAndBlueSquare());
            flow.send("text.png", NO_PICTURE);
            assertNotNull(flow.awaitAnswer(LIMIT));
            final Map<String, Rectangle> boxes = new TreeMap<>();
            for (final JsonNode box : flow.boxes()) {
                final JsonNode corners = box.path("box");
                boxes.put(box.path("label").asText(), new Rectangle(corners.get(0).asInt(), corners.get(1).asInt(),
                        corners.get(2).asInt() - corners.get(0).asInt(),
                        corners.get(3).asInt() - corners.get(1).asInt()));
            }
            assertEquals(List.of("blue square", "red circle"), List.copyOf(boxes.keySet()));
            assertLiesAt(LEFT, boxes.get("red circle"));
            assertLiesAt(RIGHT, boxes.get("blue square"));
            assertEquals(2, flow.await("crops-folder", 2, LIMIT).size());
            assertArrayEquals(NO_PICTURE, Files.readAllBytes(flow.await("failures-folder", 1, LIMIT).getFirst()));
        }
    }

    @Test
    void pictureWithoutWhatIsLookedForIsSetAside() throws IOException, InterruptedException {
        try (PictureFlow flow = start(PictureFlow.GROUND, Map.of("phrases", "green star"))) {
            final byte[] picture = yellowSquare();
            flow.send("one.png", picture);
            assertNull(flow.awaitAnswer(LIMIT));
            assertArrayEquals(picture, Files.readAllBytes(flow.await("not-found-folder", 1, LIMIT).getFirst()));
        }
    }

    @Test
    void pictureIsEdited() throws IOException, InterruptedException {
        try (PictureFlow flow = start(PictureFlow.EDIT, Map.of("model-source", "FOLDER",
                "model-folder", RealNiFi.editModel().toString(),
                "width", "64", "height", "48", "steps", "2", "seed", "7"))) {
            flow.send("red.png", redCircleAndBlueSquare());
            final BufferedImage edited = ImageIO.read(flow.await("edited-folder", 1, LIMIT).getFirst().toFile());
            assertEquals(64, edited.getWidth());
            assertEquals(48, edited.getHeight());
        }
    }

    private PictureFlow start(final String template, final Map<String, String> settings)
            throws IOException, InterruptedException {
        return PictureFlow.start(nifi, RealNiFi.flowTemplates().resolve(template), folder, settings);
    }

    private static void assertSays(final JsonNode line, final String... things) {
        for (final String thing : things) {
            assertTrue(line.path("caption").asText().toLowerCase().contains(thing), line::toString);
            assertTrue(line.path("alt_text").asText().toLowerCase().contains(thing), line::toString);
            assertTrue(line.path("tags").toString().contains(thing.split(" ")[1]), line::toString);
        }
    }

    private static void assertLiesAt(final Rectangle expected, final Rectangle found) {
        final Rectangle both = expected.intersection(found);
        final double inside = both.isEmpty() ? 0 : both.getWidth() * both.getHeight();
        final double union = expected.getWidth() * expected.getHeight() + found.getWidth() * found.getHeight() - inside;
        assertTrue(inside / union >= OVERLAP, () -> found + " is not at " + expected);
    }

    private static List<String> sorted(final JsonNode line) {
        final TreeSet<String> names = new TreeSet<>();
        line.fieldNames().forEachRemaining(names::add);
        return List.copyOf(names);
    }

    private static byte[] redCircleAndBlueSquare() throws IOException {
        final BufferedImage picture = ground();
        fill(picture, RED, new Ellipse2D.Double(LEFT.x, LEFT.y, LEFT.width, LEFT.height));
        fill(picture, BLUE, RIGHT);
        return png(picture);
    }

    private static byte[] yellowSquare() throws IOException {
        final BufferedImage picture = ground();
        fill(picture, YELLOW, new Rectangle(46, 46, 36, 36));
        return png(picture);
    }

    private static BufferedImage ground() {
        final BufferedImage picture = new BufferedImage(128, 128, BufferedImage.TYPE_INT_RGB);
        fill(picture, new Color(240, 240, 240), new Rectangle(0, 0, 128, 128));
        return picture;
    }

    private static void fill(final BufferedImage picture, final Color colour, final Shape shape) {
        final Graphics2D graphics = picture.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setColor(colour);
        graphics.fill(shape);
        graphics.dispose();
    }

    private static byte[] png(final BufferedImage picture) throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(picture, "png", out);
        return out.toByteArray();
    }
}
