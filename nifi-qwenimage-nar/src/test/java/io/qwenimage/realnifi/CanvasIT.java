package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The flow as a person sees it: NiFi's canvas in a real browser. The screenshot is kept as target/canvas.png. */
@ExtendWith(RealNiFi.class)
class CanvasIT {
    private static final int WIDTH = 1600;
    private static final int HEIGHT = 1200;
    private static final int FEW_COLOURS = 50;
    private static final Duration PICTURE_LIMIT = Duration.ofMinutes(2);

    private final NiFiInstance nifi;

    CanvasIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    @Test
    void canvasShowsEveryProcessorOfTheFlow(@TempDir final Path folder) throws IOException, InterruptedException {
        final Optional<Path> executable = Browser.find(RealNiFi.buildFolder().resolve("chromium-install.log"));
        assumeTrue(executable.isPresent(),
                "Not tested: no Chromium on this machine, and none could be installed; Debian, Ubuntu: apt-get install "
                        + "chromium");
        final Path template = RealNiFi.flowTemplates().resolve(TextToImageFlow.TEMPLATE);
        try (TextToImageFlow flow = TextToImageFlow.start(nifi, template, folder, NiFiInstance.freePort());
             Browser browser = Browser.start(executable.get(), emptyProfile(), WIDTH, HEIGHT)) {
            flow.awaitPicture(flow.sendHttp("a red circle", "") + ".png", PICTURE_LIMIT);
            browser.open(URI.create(nifi.canvas() + "#/process-groups/" + flow.group().id()));
            final Set<String> names = new TreeSet<>(flow.group().processorNames());
            browser.await("the processors " + names,
                    "document.querySelectorAll('g.processor text.processor-name').length === " + names.size());
            // The two panels that NiFi opens at first cover the left of the flow.
            browser.evaluate("document.querySelectorAll('.navigation-control-header, .operation-control-header')"
                    + ".forEach(header => header.click())");
            browser.await("the closed panels", "document.querySelectorAll('.fa-minus-square-o').length === 0");
            assertEquals(names, texts(browser, "g.processor text.processor-name"));
            assertTrue(texts(browser, "g.processor text.processor-type").stream()
                    .anyMatch(type -> type.startsWith("EncodeText ")));
            final byte[] screenshot = browser.screenshot();
            Files.write(RealNiFi.buildFolder().resolve("canvas.png"), screenshot);
            assertTrue(colours(ImageIO.read(new ByteArrayInputStream(screenshot))) > FEW_COLOURS,
                    "the screenshot is nearly empty");
        }
    }

    private static Path emptyProfile() throws IOException {
        final Path profile = RealNiFi.buildFolder().resolve("browser-profile");
        Folders.delete(profile);
        return Files.createDirectories(profile);
    }

    private static Set<String> texts(final Browser browser, final String selector)
            throws IOException, InterruptedException {
        final JsonNode texts = browser.evaluate("Array.from(document.querySelectorAll('" + selector
                + "')).map(element => element.firstChild.textContent)");
        final Set<String> found = new TreeSet<>();
        texts.forEach(text -> found.add(text.asText()));
        return found;
    }

    private static int colours(final BufferedImage picture) {
        final Set<Integer> colours = new HashSet<>();
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                colours.add(picture.getRGB(x, y));
            }
        }
        return colours.size();
    }
}
