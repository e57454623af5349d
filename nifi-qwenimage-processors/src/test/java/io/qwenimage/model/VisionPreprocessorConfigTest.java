package io.qwenimage.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.ResampleFilter;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VisionPreprocessorConfigTest {
    private static final List<Double> CLIP_MEAN = List.of(0.48145466, 0.4578275, 0.40821073);
    private static final List<Double> CLIP_DEVIATION = List.of(0.26862954, 0.26130258, 0.27577711);
    private static final List<Double> HALVES = List.of(0.5, 0.5, 0.5);

    @TempDir
    private Path folder;

    @Test
    void aPublishedQwen2FolderIsRead() throws IOException {
        write("preprocessor_config.json", """
                {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2,
                 "merge_size": 2, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                 "image_std": [0.26862954, 0.26130258, 0.27577711],
                 "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"}""");

        assertEquals(new PatchLayout(14, 2, 2, 3136, 12845056, ResampleFilter.BICUBIC, 1 / 255.0, CLIP_MEAN,
                CLIP_DEVIATION), VisionPreprocessorConfig.read(folder));
    }

    @Test
    void aPublishedQwen3FolderIsRead() throws IOException {
        write("preprocessor_config.json", """
                {"size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16,
                 "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5, 0.5, 0.5],
                 "image_std": [0.5, 0.5, 0.5], "processor_class": "Qwen3VLProcessor",
                 "image_processor_type": "Qwen2VLImageProcessorFast"}""");

        assertEquals(new PatchLayout(16, 2, 2, 65536, 16777216, ResampleFilter.BICUBIC, 1 / 255.0, HALVES, HALVES),
                VisionPreprocessorConfig.read(folder));
    }

    @Test
    void theFileOfALaterLibraryGoesBeforeTheEarlierOne() throws IOException {
        write("preprocessor_config.json", "{\"patch_size\": 99}");
        write("processor_config.json", """
                {"image_processor": {"do_resize": true, "patch_size": 16, "resample": 2,
                 "rescale_factor": 0.00392156862745098, "image_processor_type": "Qwen2VLImageProcessor",
                 "size": {"longest_edge": 1003520, "shortest_edge": 3136}}, "processor_class": "Qwen2VLProcessor"}""");

        assertEquals(new PatchLayout(16, 2, 2, 3136, 1003520, ResampleFilter.BILINEAR, 0.00392156862745098, CLIP_MEAN,
                CLIP_DEVIATION), VisionPreprocessorConfig.read(folder));
    }

    @Test
    void boundsInSizeUnderTheirOldNamesAreRead() throws IOException {
        write("preprocessor_config.json", "{\"size\": {\"max_pixels\": 5000, \"min_pixels\": 4000}}");
        final PatchLayout layout = VisionPreprocessorConfig.read(folder);

        assertEquals(4000, layout.minimumPixels());
        assertEquals(5000, layout.maximumPixels());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"do_normalize\": false} | do_normalize",
        "{\"resample\": 0} | resample",
        "{\"min_pixels\": 0} | min_pixels",
        "{\"min_pixels\": 9, \"max_pixels\": 8} | 9",
        "{\"image_mean\": [1, 2]} | image_mean",
        "{\"image_std\": [1, 2, 0]} | image_std",
        "{\"image_processor_type\": \"CLIPImageProcessor\"} | CLIPImageProcessor",
        "{\"size\": {\"height\": 5}} | shortest_edge",
    })
    void whatIsNotComputedIsRefusedByName(final String json, final String named) {
        final ConfigFile config = ConfigFile.parse("preprocessor_config.json", json.getBytes(StandardCharsets.UTF_8));
        final WeightException refusal = assertThrows(WeightException.class,
                () -> VisionPreprocessorConfig.layout(config));

        assertTrue(refusal.getMessage().contains(named), refusal.getMessage());
    }

    @Test
    void aFolderWithoutIsRefused() {
        final WeightException refusal = assertThrows(WeightException.class,
                () -> VisionPreprocessorConfig.read(folder));

        assertTrue(refusal.getMessage().contains("preprocessor_config.json"), refusal.getMessage());
    }

    private void write(final String name, final String json) throws IOException {
        Files.writeString(folder.resolve(name), json);
    }
}
