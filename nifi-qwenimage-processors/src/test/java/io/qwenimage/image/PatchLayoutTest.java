package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PatchLayoutTest {
    private static final List<Double> CLIP_MEAN = List.of(0.48145466, 0.4578275, 0.40821073);
    private static final List<Double> CLIP_DEVIATION = List.of(0.26862954, 0.26130258, 0.27577711);

    @Test
    void everyPictureIsEqualToTransformers() {
        final JsonNode goldens = DrawnPictures.goldens();
        for (final JsonNode golden : goldens.get("patches")) {
            final PatchLayout layout = layout(goldens.get("processors").get(0).get(golden.get("processor").asText()));
            final RgbImage image = DrawnPictures.draw(golden);
            final PixelValues values = layout.patches(image);

            assertArrayEquals(ints(golden.get("grid")),
                    new int[] {values.gridTime(), values.gridHeight(), values.gridWidth()}, golden::toString);
            assertArrayEquals(ints(golden.get("shape")), new int[] {values.patches(), layout.patchSamples()},
                    golden::toString);
            assertEquals(golden.get("digest").asText(), DrawnPictures.digest(values.values()), golden::toString);
            assertEquals(values.patches() / (layout.mergeSize() * layout.mergeSize()),
                    layout.tokens(ImageSize.of(image)));
            assertEquals(layout.resizedSize(ImageSize.of(image)), values.resized());
        }
        assertEquals(80, goldens.get("patches").size());
    }

    @Test
    void patchesThatFitIntoNoArrayAreRefused() {
        final PatchLayout layout = new PatchLayout(14, 2, 2, 1L << 32, 1L << 33, ResampleFilter.BICUBIC, 1, CLIP_MEAN,
                CLIP_DEVIATION);

        assertThrows(ImageException.class, () -> layout.patches(DrawnPictures.draw("noise", 8, 8, 0)));
    }

    @Test
    void settingsThatMeanNothingAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new PatchLayout(14, 2, 2, 9, 8, ResampleFilter.BICUBIC, 1,
                CLIP_MEAN, CLIP_DEVIATION));
        assertThrows(IllegalArgumentException.class, () -> new PatchLayout(14, 2, 2, 8, 9, ResampleFilter.BICUBIC, 1,
                CLIP_MEAN, List.of(1.0, 1.0, 0.0)));
    }

    private static PatchLayout layout(final JsonNode processor) {
        final long minimum = processor.has("size") ? processor.get("size").get("shortest_edge").asLong()
                : processor.get("min_pixels").asLong();
        final long maximum = processor.has("size") ? processor.get("size").get("longest_edge").asLong()
                : processor.get("max_pixels").asLong();
        return new PatchLayout(processor.path("patch_size").asInt(14), processor.path("temporal_patch_size").asInt(2),
                processor.path("merge_size").asInt(2), minimum, maximum,
                processor.path("resample").asInt(3) == 1 ? ResampleFilter.LANCZOS : ResampleFilter.BICUBIC,
                1 / 255.0, doubles(processor.get("image_mean"), CLIP_MEAN),
                doubles(processor.get("image_std"), CLIP_DEVIATION));
    }

    private static List<Double> doubles(final JsonNode list, final List<Double> otherwise) {
        if (list == null) {
            return otherwise;
        }
        final List<Double> values = new ArrayList<>();
        list.forEach(value -> values.add(value.asDouble()));
        return values;
    }

    private static int[] ints(final JsonNode list) {
        final int[] values = new int[list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = list.get(i).asInt();
        }
        return values;
    }
}
