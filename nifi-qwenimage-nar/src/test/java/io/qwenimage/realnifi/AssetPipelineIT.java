package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Briefs through the shipped flow: the embedded demo makes and checks pictures, a tiny editor makes variants. */
@ExtendWith(RealNiFi.class)
class AssetPipelineIT {
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final String NOTHING = "(?!)";
    private static final String ANYTHING = "(?s).*";

    private final NiFiInstance nifi;
    @TempDir
    private Path folder;

    AssetPipelineIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    @Test
    void briefBecomesPictureAndVariantsOrIsSetAside() throws IOException, InterruptedException {
        try (PictureFlow flow = PictureFlow.start(nifi, RealNiFi.flowTemplates().resolve(PictureFlow.ASSETS), folder,
                Map.of("editor-source", "FOLDER", "editor-model-folder", RealNiFi.editModel().toString(),
                        "accepted-answer", NOTHING, "attempts", "3", "longest-answer", "4", "width", "64",
                        "height", "48", "steps", "2", "seed", "7"))) {
            send(flow, "kite.txt", "A red kite\nover the roofs of Lisbon.");
            send(flow, "empty.txt", " \n");
            final Path rejected = flow.await("rejected-folder", 1, LIMIT).getFirst();
            assertEquals("kite-3-9.png", name(rejected), "the third attempt, with the third seed");
            assertEquals(64, ImageIO.read(rejected.toFile()).getWidth());
            assertEquals("empty.txt", name(flow.await("failures-folder", 1, LIMIT).getFirst()));
            assertEquals(List.of(), flow.files("accepted-folder"));

            flow.set(Map.of("accepted-answer", ANYTHING));
            send(flow, "boat.txt", "A blue boat.");
            assertEquals("boat-1-7.png", name(flow.await("accepted-folder", 1, LIMIT).getFirst()));
            final List<Path> variants = flow.await("variants-folder", 2, LIMIT);
            assertEquals(List.of("boat-1-7-variant-1.png", "boat-1-7-variant-2.png"),
                    variants.stream().map(AssetPipelineIT::name).sorted().toList());
            for (final Path variant : variants) {
                assertEquals(48, ImageIO.read(variant.toFile()).getHeight());
            }
            assertEquals(1, flow.files("rejected-folder").size());
            assertEquals(1, flow.files("failures-folder").size());
        }
    }

    private static void send(final PictureFlow flow, final String name, final String brief) throws IOException {
        flow.send("briefs-folder", name, brief.getBytes(StandardCharsets.UTF_8));
    }

    private static String name(final Path file) {
        return file.getFileName().toString();
    }
}
