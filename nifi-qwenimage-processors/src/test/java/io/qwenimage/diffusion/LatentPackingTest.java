package io.qwenimage.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class LatentPackingTest {
    @Test
    void tokensHoldPatchesChannelByChannel() {
        final float[] latents = count(2 * 4 * 6);

        // QwenImagePipeline._pack_latents(torch.arange(48).view(1, 1, 2, 4, 6), 1, 2, 4, 6)
        assertArrayEquals(new float[] {0, 1, 6, 7, 24, 25, 30, 31, 2, 3, 8, 9, 26, 27, 32, 33, 4, 5, 10, 11, 28, 29,
            34, 35, 12, 13, 18, 19, 36, 37, 42, 43, 14, 15, 20, 21, 38, 39, 44, 45, 16, 17, 22, 23, 40, 41, 46, 47},
                LatentPacking.pack(latents, 2, 4, 6));
    }

    @Test
    void unpackingIsTheInverse() {
        final float[] latents = count(16 * 6 * 10);

        assertArrayEquals(latents, LatentPacking.unpack(LatentPacking.pack(latents, 16, 6, 10), 16, 6, 10));
    }

    @Test
    void oddExtentsAndWrongCountsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> LatentPacking.pack(new float[30], 2, 3, 5));
        assertThrows(IllegalArgumentException.class, () -> LatentPacking.unpack(new float[31], 2, 4, 4));
        assertThrows(IllegalArgumentException.class, () -> LatentPacking.pack(new float[0], 1 << 16, 1 << 8, 1 << 8));
    }

    private static float[] count(final int length) {
        final float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = i;
        }
        return values;
    }
}
