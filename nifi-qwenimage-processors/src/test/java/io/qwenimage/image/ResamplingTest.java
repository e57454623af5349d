package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ResamplingTest {
    @Test
    void everyPictureIsEqualToPillows() {
        int cases = 0;
        for (final JsonNode golden : DrawnPictures.goldens().get("resize")) {
            final RgbImage image = Resampling.resize(DrawnPictures.draw(golden),
                    new ImageSize(golden.get("to").get(0).asInt(), golden.get("to").get(1).asInt()),
                    ResampleFilter.valueOf(golden.get("filter").asText()));

            assertEquals(golden.get("digest").asText(), DrawnPictures.digest(image.rgb()), golden::toString);
            cases++;
        }
        assertEquals(300, cases);
    }

    @ParameterizedTest
    @EnumSource(ResampleFilter.class)
    void oneColourStaysOneColour(final ResampleFilter filter) {
        final byte[] rgb = new byte[40 * 30 * 3];
        Arrays.fill(rgb, (byte) 255);
        final RgbImage resized = Resampling.resize(new RgbImage(40, 30, rgb), new ImageSize(7, 91), filter);

        final byte[] expected = new byte[7 * 91 * 3];
        Arrays.fill(expected, (byte) 255);
        assertArrayEquals(expected, resized.rgb());
    }

    @Test
    void theSameSizeIsTheSamePicture() {
        final RgbImage image = DrawnPictures.draw("noise", 5, 4, 0);

        assertSame(image, Resampling.resize(image, new ImageSize(5, 4), ResampleFilter.BICUBIC));
    }
}
