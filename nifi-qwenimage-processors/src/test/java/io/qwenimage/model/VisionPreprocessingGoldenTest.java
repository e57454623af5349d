package io.qwenimage.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.PixelValues;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** From picture files and a published model folder to what transformers gives its vision tower, in every bit. */
class VisionPreprocessingGoldenTest {
    @ParameterizedTest
    @MethodSource("cases")
    void pixelValuesAreEqual(final Path folder) throws IOException {
        final ConfigFile golden = ConfigFile.read(folder.resolve("case.json"));
        final PatchLayout layout = VisionPreprocessorConfig.read(folder.resolve(golden.stringAt("model")));
        try (SafetensorsFile expected = SafetensorsFile.open(folder.resolve("expected.safetensors"))) {
            final float[] values = expected.tensor("pixel_values").toFloats();
            final long[] grid = expected.tensor("image_grid_thw").toLongs();
            final List<String> images = golden.stringsAt("images");
            int from = 0;
            for (int i = 0; i < images.size(); i++) {
                final PixelValues picture = layout.patches(
                        ImageDecoder.read(Files.readAllBytes(folder.resolve(images.get(i)))));

                assertArrayEquals(Arrays.copyOfRange(grid, 3 * i, 3 * i + 3),
                        new long[] {picture.gridTime(), picture.gridHeight(), picture.gridWidth()});
                assertArrayEquals(Arrays.copyOfRange(values, from, from + picture.values().length), picture.values());
                from += picture.values().length;
            }
            assertEquals(values.length, from);
        }
    }

    private static List<Path> cases() throws IOException, URISyntaxException {
        final Path chats = Path.of(VisionPreprocessingGoldenTest.class.getResource("/goldens-vision/chat").toURI());
        try (Stream<Path> folders = Files.list(chats)) {
            final List<Path> cases = folders.filter(VisionPreprocessingGoldenTest::hasPictures).sorted().toList();
            assertTrue(cases.size() >= 10, "cases " + cases);
            return cases;
        }
    }

    private static boolean hasPictures(final Path folder) {
        return !ConfigFile.read(folder.resolve("case.json")).stringsAt("images").isEmpty();
    }
}
