package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Vision towers block by block, and their features for the first layers, against transformers. */
@Tag("models")
final class VisionBlockGoldenTest {
    private static final Path BLOCKS = Path.of("src/test/resources/goldens-vision/blocks");
    private static final String TOWER = "visual.";
    private static final Predicate<String> HEARD = name -> name.matches("visual\\.(patch_embed|blocks\\.\\d+)");

    @TestFactory
    List<DynamicTest> blocksEqualTheReference() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        try (DirectoryStream<Path> cases = Files.newDirectoryStream(BLOCKS, "*.json")) {
            for (final Path description : cases) {
                for (final Backends.Named backend : Backends.chosen().map(List::of).orElseGet(Backends::shipped)) {
                    tests.add(dynamicTest(description.getFileName() + " on " + backend,
                            () -> check(description, backend)));
                }
            }
        }
        return tests;
    }

    private static void check(final Path file, final Backends.Named named) {
        final ConfigFile description = ConfigFile.read(file);
        final Path model = file.resolveSibling(description.stringAt("model"));
        final double tolerance = description.sub("tolerance").doubleAt("vision");
        final Path tensors = file.resolveSibling(file.getFileName().toString().replace(".json", ".safetensors"));
        try (Backend backend = named.open();
                WeightSource expected = SafetensorsFile.open(tensors);
                VisionLanguageLoader.Holding loaded = VisionLanguageLoader.load(new ComponentStore(backend), model,
                        ConfigFile.read(model.resolve("config.json")), Cancellation.NEVER);
                Arena arena = backend.openArena("test")) {
            final Set<String> heard = new TreeSet<>();
            final VisionTower.Features features = loaded.model().encode(arena, expected.tensor("input.pixel_values"),
                    VisionGoldens.grids(expected, "input.image_grid_thw"), Cancellation.NEVER, (name, hidden) -> {
                        heard.add(TOWER + name);
                        named.assertClose(name, expected.tensor(TOWER + name), backend.download(hidden), tolerance);
                    });
            assertEquals(expected.names().stream().filter(HEARD).collect(Collectors.toCollection(TreeSet::new)), heard);
            for (int i = 0; i < features.deepstack().size(); i++) {
                final String name = "deepstack_merger_list." + i;
                named.assertClose(name, expected.tensor(TOWER + name), backend.download(features.deepstack().get(i)),
                        tolerance);
            }
            if (!expected.names().contains("visual.window_index")) {
                named.assertClose("merger", expected.tensor("visual.merger"),
                        backend.download(features.embeddings()), tolerance);
            }
        }
    }
}
