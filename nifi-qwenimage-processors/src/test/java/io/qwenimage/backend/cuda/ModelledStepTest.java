package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The log has what the model says. */
class ModelledStepTest {
    /** What {@code CudaStepTest} counts of a block. */
    private static final int LAUNCHES_OF_A_BLOCK = 24;

    @Test
    void theLogHasTheModelledStep() throws IOException {
        final ModelledStep step = new ModelledStep();
        assertTrue(Files.readString(Path.of("PERFORMANCE.md")).contains(step.report()), "PERFORMANCE.md should have\n"
                + step.report());
    }

    @Test
    void everyLaunchOfABlockIsModelled() throws IOException {
        assertEquals(60 * LAUNCHES_OF_A_BLOCK, new ModelledStep().launches());
    }
}
