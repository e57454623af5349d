package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The log has what the model says, and what it says of the choices that were made. */
class ModelledStreamingTest {
    private static final double GOAL = 0.9;

    @Test
    void theLogHasTheModelledCopies() throws IOException {
        assertTrue(Files.readString(Path.of("PERFORMANCE.md")).contains(ModelledStreaming.report()),
                "PERFORMANCE.md should have\n" + ModelledStreaming.report());
    }

    @Test
    void nineTenthsOfTheCopiesAreHiddenUpToSoManyBlocks() {
        for (int streamed = 1; streamed <= ModelledStreaming.BLOCKS; streamed++) {
            assertEquals(streamed <= 24, ModelledStreaming.hidden(ModelledStreaming.plan(streamed, 2), 1024) >= GOAL,
                    streamed + " blocks at 1024 x 1024");
        }
    }

    @Test
    void nineTenthsOfAllBlocksAreHiddenFromASizeOn() {
        for (int side = 512; side <= 2048; side += 64) {
            assertEquals(side >= 1472,
                    ModelledStreaming.hidden(ModelledStreaming.plan(ModelledStreaming.BLOCKS, 2), side) >= GOAL,
                    "all blocks at " + side + " x " + side);
        }
    }

    @Test
    void twoSlotsAreEnough() {
        for (int streamed = 1; streamed <= ModelledStreaming.BLOCKS; streamed++) {
            for (int side = 512; side <= 2048; side += 512) {
                final double two = ModelledStreaming.step(ModelledStreaming.plan(streamed, 2), side);
                assertEquals(two, ModelledStreaming.step(ModelledStreaming.plan(streamed, 3), side), 0.002 * two,
                        streamed + " blocks at " + side);
            }
        }
        assertTrue(ModelledStreaming.hidden(ModelledStreaming.plan(20, 1), 1024) < 0.8);
    }
}
