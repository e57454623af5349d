package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageFormatTest {
    @Test
    void theExtensionDecidesInAnyCase() {
        assertEquals(ImageFormat.PNG, ImageFormat.ofFileName("kite.PNG"));
        assertEquals(ImageFormat.JPEG, ImageFormat.ofFileName("kite.red.jpg"));
        assertEquals(ImageFormat.JPEG, ImageFormat.ofFileName("kite.jpeg"));
        assertEquals(ImageFormat.WEBP, ImageFormat.ofFileName("kite.webp"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"kite.gif", "kite", "png", "kite.", ""})
    void otherExtensionsAreRefusedByName(final String name) {
        final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> ImageFormat.ofFileName(name));
        assertTrue(refusal.getMessage().contains(".png, .jpg, .jpeg, .webp"), refusal.getMessage());
    }
}
