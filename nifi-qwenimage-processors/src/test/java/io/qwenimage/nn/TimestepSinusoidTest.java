package io.qwenimage.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class TimestepSinusoidTest {
    @Test
    void cosinesComeBeforeSines() {
        // get_timestep_embedding(torch.tensor([0.75]), 256, flip_sin_to_cos=True, downscale_freq_shift=0, scale=1000)
        final float[] embedding = TimestepSinusoid.of(0.75f);

        assertEquals(256, embedding.length);
        assertEquals(-0.666983f, embedding[0], 5e-5f);
        assertEquals(0.8797563f, embedding[1], 5e-5f);
        assertEquals(0.3466353f, embedding[64], 5e-5f);
        assertEquals(0.99675393f, embedding[127], 1e-6f);
        assertEquals(0.74507296f, embedding[128], 5e-5f);
        assertEquals(0.47542498f, embedding[129], 5e-5f);
        assertEquals(-0.88004965f, embedding[200], 5e-5f);
        assertEquals(0.080508344f, embedding[255], 1e-6f);
    }
}
