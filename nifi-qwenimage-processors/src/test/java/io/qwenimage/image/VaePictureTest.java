package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

class VaePictureTest {
    @Test
    void samplesAreEqualToDiffusers() {
        final JsonNode goldens = DrawnPictures.goldens().get("vae");
        for (final JsonNode golden : goldens) {
            final ImageSize size = VaePicture.multipleOf(size(golden.get("for")), 16);

            assertEquals(size(golden.get("to")), size, golden::toString);
            assertEquals(golden.get("digest").asText(),
                    DrawnPictures.digest(VaePicture.samples(DrawnPictures.draw(golden), size)), golden::toString);
        }
        assertEquals(40, goldens.size());
    }

    @Test
    void masksAreEqualToDiffusers() {
        final JsonNode goldens = DrawnPictures.goldens().get("mask");
        for (final JsonNode golden : goldens) {
            assertEquals(golden.get("digest").asText(),
                    DrawnPictures.digest(VaePicture.mask(DrawnPictures.draw(golden), size(golden.get("to")))),
                    golden::toString);
        }
        assertEquals(40, goldens.size());
    }

    @Test
    void sizesOfAnAreaAreEqualToDiffusers() {
        int refused = 0;
        final JsonNode goldens = DrawnPictures.goldens().get("area");
        for (final JsonNode golden : goldens) {
            final ImageSize picture = size(golden);
            final long area = golden.get(2).asLong();
            if (golden.get(3).asInt() == 0 || golden.get(4).asInt() == 0) {
                assertThrows(ImageException.class, () -> VaePicture.ofArea(picture, area), golden::toString);
                refused++;
            } else {
                assertEquals(new ImageSize(golden.get(3).asInt(), golden.get(4).asInt()),
                        VaePicture.ofArea(picture, area), golden::toString);
            }
        }
        assertEquals(100, goldens.size());
        assertTrue(refused > 0 && refused < 50, "refused " + refused);
    }

    @Test
    void aPictureSmallerThanTheMultipleIsRefused() {
        final ImageException refusal = assertThrows(ImageException.class,
                () -> VaePicture.multipleOf(new ImageSize(15, 300), 16));

        assertTrue(refusal.getMessage().contains("15 x 300"), refusal.getMessage());
    }

    private static ImageSize size(final JsonNode pair) {
        return new ImageSize(pair.get(0).asInt(), pair.get(1).asInt());
    }
}
