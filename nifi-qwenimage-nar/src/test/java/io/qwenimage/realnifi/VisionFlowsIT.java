package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Pictures through the shipped flows: with the embedded demo, which answers whatever it answers, and a tiny editor. */
@ExtendWith(RealNiFi.class)
class VisionFlowsIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final byte[] NO_PICTURE = "a kite".getBytes(StandardCharsets.UTF_8);

    private final NiFiInstance nifi;
    @TempDir
    private Path folder;

    VisionFlowsIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    @Test
    void everyPictureBecomesLineOfTheIndex() throws IOException, InterruptedException {
        final ImportedFlow flow = start("caption-and-index.json", Map.of("longest-answer", "8"));
        try {
            send("red.png", picture(Color.RED));
            send("blue.png", picture(Color.BLUE));
            send("text.png", NO_PICTURE);
            final Poll indexed = new Poll("two lines of the index", LIMIT, flow::bulletinsText);
            final List<JsonNode> lines = indexed.until(this::index, found -> found.size() == 2);
            final TreeSet<String> names = new TreeSet<>();
            for (final JsonNode line : lines) {
                names.add(line.path("filename").asText());
                assertEquals(List.of("alt_text", "caption", "filename", "tags"), sorted(line));
            }
            assertEquals(List.of("blue.png", "red.png"), List.copyOf(names));
            assertArrayEquals(NO_PICTURE, Files.readAllBytes(await(flow, "failures-folder", 1).getFirst()));
            assertEquals(2, await(flow, "indexed-folder", 2).size());
        } finally {
            flow.remove();
        }
    }

    @Test
    void pictureIsFoundInOrSetAside() throws IOException, InterruptedException {
        final ImportedFlow flow = start("ground-and-crop.json", Map.of("longest-answer", "8"));
        try {
            final byte[] picture = picture(Color.RED);
            send("red.png", picture);
            send("text.png", NO_PICTURE);
            final Poll done = new Poll("boxes or a picture set aside", LIMIT, flow::bulletinsText);
            done.until(() -> files("boxes-folder").size() + files("not-found-folder").size(), count -> count == 1);
            for (final Path aside : files("not-found-folder")) {
                assertArrayEquals(picture, Files.readAllBytes(aside));
            }
            for (final Path boxes : files("boxes-folder")) {
                assertTrue(NiFiClient.JSON.readTree(boxes.toFile()).path("boxes").isArray());
            }
            assertArrayEquals(NO_PICTURE, Files.readAllBytes(await(flow, "failures-folder", 1).getFirst()));
        } finally {
            flow.remove();
        }
    }

    @Test
    void pictureIsEdited() throws IOException, InterruptedException {
        final ImportedFlow flow = start("image-edit.json", Map.of("model-source", "FOLDER",
                "model-folder", RealNiFi.editModel().toString(),
                "width", "64", "height", "48", "steps", "2", "seed", "7"));
        try {
            send("red.png", picture(Color.RED));
            final BufferedImage edited = ImageIO.read(await(flow, "edited-folder", 1).getFirst().toFile());
            assertEquals(64, edited.getWidth());
            assertEquals(48, edited.getHeight());
        } finally {
            flow.remove();
        }
    }

    private ImportedFlow start(final String template, final Map<String, String> settings)
            throws IOException, InterruptedException {
        final ImportedFlow flow = nifi.client().importFlow(RealNiFi.flowTemplates().resolve(template), template);
        final Map<String, String> parameters = new HashMap<>(settings);
        for (final String parameter : flow.parameters().keySet()) {
            if (parameter.endsWith("-folder") && !parameter.equals("model-folder")) {
                parameters.put(parameter, Files.createDirectory(folder.resolve(parameter)).toString());
            }
        }
        flow.setParameters(parameters);
        flow.enableServices();
        flow.start();
        return flow;
    }

    /** Puts a file where the flow looks for pictures; it appears there whole, since hidden files are not read. */
    private void send(final String name, final byte[] content) throws IOException {
        final Path pictures = folder.resolve("pictures-folder");
        Files.write(pictures.resolve("." + name), content);
        Files.move(pictures.resolve("." + name), pictures.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    private List<Path> await(final ImportedFlow flow, final String parameter, final int count)
            throws IOException, InterruptedException {
        return new Poll(count + " files in " + parameter, LIMIT, flow::bulletinsText)
                .until(() -> files(parameter), found -> found.size() == count);
    }

    private List<Path> files(final String parameter) throws IOException {
        return List.copyOf(TextToImageFlow.files(folder.resolve(parameter)).keySet());
    }

    private List<JsonNode> index() throws IOException {
        final List<JsonNode> lines = new ArrayList<>();
        for (final Path file : files("index-folder")) {
            for (final String line : Files.readAllLines(file)) {
                lines.add(NiFiClient.JSON.readTree(line));
            }
        }
        return lines;
    }

    private static List<String> sorted(final JsonNode line) {
        final TreeSet<String> names = new TreeSet<>();
        line.fieldNames().forEachRemaining(names::add);
        return List.copyOf(names);
    }

    private static byte[] picture(final Color colour) throws IOException {
        final BufferedImage image = new BufferedImage(64, 48, BufferedImage.TYPE_INT_RGB);
        final Graphics2D graphics = image.createGraphics();
        graphics.setColor(colour);
        graphics.fillOval(10, 8, 30, 30);
        graphics.dispose();
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(image, "png", out);
        return out.toByteArray();
    }
}
