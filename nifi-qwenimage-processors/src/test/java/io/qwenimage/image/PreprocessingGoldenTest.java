package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The shared goldens of preprocessing: files of every mode, sizes and resizing. Lossy formats agree in every bit, too. */
class PreprocessingGoldenTest {
    private static final String FOLDER = "/goldens-vision/preprocessing/";
    private static final Map<String, byte[]> FILES = new HashMap<>();
    private static SafetensorsFile expected;
    private static JsonNode listed;

    @BeforeAll
    static void open() throws IOException, URISyntaxException {
        expected = SafetensorsFile.open(Path.of(
                PreprocessingGoldenTest.class.getResource(FOLDER + "expected.safetensors").toURI()));
        try (InputStream json = PreprocessingGoldenTest.class.getResourceAsStream(FOLDER + "expected.json")) {
            listed = new ObjectMapper().readTree(json);
        }
        try (InputStream in = PreprocessingGoldenTest.class.getResourceAsStream(FOLDER + "files.zip");
                ZipInputStream zip = new ZipInputStream(in)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                FILES.put(entry.getName(), zip.readAllBytes());
            }
        }
    }

    @AfterAll
    static void close() {
        expected.close();
    }

    @Test
    void filesAreReadAsTransformersReadsThem() {
        int compared = 0;
        for (final JsonNode entry : listed.get("files")) {
            final String name = entry.get("file").asText();
            final RgbImage image = ImageDecoder.read(FILES.get(name));

            assertEquals(entry.get("size").get(0).asInt(), image.width(), entry::toString);
            assertEquals(entry.get("size").get(1).asInt(), image.height(), entry::toString);
            assertArrayEquals(bytes(name.substring(0, name.indexOf('.')) + ".rgb"), image.rgb(), entry::toString);
            compared++;
        }
        assertTrue(compared >= 250, "compared " + compared);
    }

    @Test
    void whatTransformersRefusesIsRefused() {
        final PatchLayout layout = new PatchLayout(14, 2, 2, 3136, 12845056, ResampleFilter.BICUBIC, 1 / 255.0,
                List.of(0.5, 0.5, 0.5), List.of(0.5, 0.5, 0.5));
        for (final JsonNode entry : listed.get("refused")) {
            assertThrows(ImageException.class,
                    () -> layout.patches(ImageDecoder.read(FILES.get(entry.get("file").asText()))), entry::toString);
        }
        assertTrue(listed.get("refused").size() >= 10);
    }

    @Test
    void sizesAreEqual() {
        final int[] rows = integers("smart_resize");
        for (int i = 0; i < rows.length; i += 7) {
            final ImageSize size = new ImageSize(rows[i + 1], rows[i]);
            final int factor = rows[i + 2];
            final long least = rows[i + 3];
            final long most = rows[i + 4];
            if (rows[i + 5] < 0) {
                assertThrows(ImageException.class, () -> SmartResize.of(size, factor, least, most));
            } else {
                assertEquals(new ImageSize(rows[i + 6], rows[i + 5]),
                        SmartResize.of(size, factor, least, most), size + " by " + factor);
            }
        }
    }

    @Test
    void sizesOfAnAreaAreEqual() {
        final int[] rows = integers("calculate_dimensions");
        for (int i = 0; i < rows.length; i += 5) {
            final ImageSize size = new ImageSize(rows[i + 1], rows[i + 2]);

            assertEquals(new ImageSize(rows[i + 3], rows[i + 4]), VaePicture.ofArea(size, rows[i]), size::toString);
        }
    }

    @Test
    void resizedPicturesAreEqual() {
        int compared = 0;
        while (expected.names().contains("resize." + compared + ".source")) {
            final RgbImage source = image("resize." + compared + ".source");
            for (final ResampleFilter filter : new ResampleFilter[] {ResampleFilter.BICUBIC, ResampleFilter.LANCZOS}) {
                final RgbImage target = image("resize." + compared + "." + filter.name().toLowerCase(Locale.ROOT));

                assertArrayEquals(target.rgb(), Resampling.resize(source, ImageSize.of(target), filter).rgb(),
                        filter + " " + compared);
            }
            compared++;
        }
        assertTrue(compared >= 10, "compared " + compared);
    }

    private static RgbImage image(final String name) {
        final HostTensor tensor = expected.tensor(name);
        return new RgbImage((int) tensor.shape().extent(1), (int) tensor.shape().extent(0), bytes(name));
    }

    private static int[] integers(final String name) {
        final IntBuffer buffer = expected.tensor(name).bytes().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
        final int[] integers = new int[buffer.remaining()];
        buffer.get(integers);
        return integers;
    }

    private static byte[] bytes(final String name) {
        final HostTensor tensor = expected.tensor(name);
        final byte[] bytes = new byte[tensor.bytes().remaining()];
        tensor.bytes().duplicate().get(bytes);
        return bytes;
    }
}
