package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class RgbImagesTest {
    @Test
    void samplesAreClampedAndRoundedHalfToEven() {
        // (x / 2 + 0.5) * 255 is 127.5, 128.5 and 0.5: NumPy rounds them to 128, 128 and 0.
        final float[] samples = {0, 1 / 127.5f, 0.5f / 127.5f - 1, -5, 5, 1};

        final RgbImage image = RgbImages.fromHeightWidthChannels(samples, 1, 2);

        assertArrayEquals(new byte[] {(byte) 128, (byte) 128, 0, 0, (byte) 255, (byte) 255}, image.rgb());
        assertEquals(2, image.width());
    }

    @Test
    void planesAreInterleaved() {
        // Red, green and blue planes of two rows and three columns.
        final float[] planes = {-1, 1, -1, 1, 1, 1,
            1, 1, 1, -1, 1, -1,
            -1, -1, 1, 1, 1, -1};

        final RgbImage image = RgbImages.fromChannelsHeightWidth(planes, 2, 3);

        assertArrayEquals(new byte[] {0, -1, 0, -1, -1, 0, 0, -1, -1, -1, 0, -1, -1, -1, -1, -1, 0, 0}, image.rgb());
        assertEquals(3, image.width());
    }

    @Test
    void damagedSamplesAreRefused() {
        assertThrows(IllegalArgumentException.class,
                () -> RgbImages.fromHeightWidthChannels(new float[] {0, Float.NaN, 0}, 1, 1));
        assertThrows(IllegalArgumentException.class, () -> RgbImages.fromHeightWidthChannels(new float[4], 1, 1));
        assertThrows(IllegalArgumentException.class, () -> RgbImages.fromChannelsHeightWidth(new float[0], 0, 0));
    }
}
