package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

class SmartResizeTest {
    @Test
    void everySizeIsEqualToTransformers() {
        int refused = 0;
        int accepted = 0;
        for (final JsonNode golden : DrawnPictures.goldens().get("smart_resize")) {
            final ImageSize size = new ImageSize(golden.get(0).asInt(), golden.get(1).asInt());
            if (golden.get(5).asInt() == 0) {
                assertThrows(ImageException.class, () -> resize(size, golden), golden::toString);
                refused++;
            } else {
                assertEquals(new ImageSize(golden.get(5).asInt(), golden.get(6).asInt()), resize(size, golden),
                        golden::toString);
                accepted++;
            }
        }
        assertTrue(refused >= 5 && accepted >= 300, refused + " refused, " + accepted + " accepted");
    }

    @Test
    void halvesAreRoundedToEven() {
        assertEquals(new ImageSize(56, 112), SmartResize.of(new ImageSize(70, 98), 28, 1, 1 << 20));
    }

    @Test
    void aPictureTooLongIsRefusedByName() {
        assertEquals(new ImageSize(5600, 28), SmartResize.of(new ImageSize(5600, 28), 28, 1, 1 << 20));
        final ImageException refusal = assertThrows(ImageException.class,
                () -> SmartResize.of(new ImageSize(28, 5601), 28, 1, 1 << 20));

        assertTrue(refusal.getMessage().contains("28 x 5601"), refusal.getMessage());
        assertTrue(refusal.getMessage().contains("crop"), refusal.getMessage());
    }

    private static ImageSize resize(final ImageSize size, final JsonNode golden) {
        return SmartResize.of(size, golden.get(2).asInt(), golden.get(3).asLong(), golden.get(4).asLong());
    }
}
