package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The log has what the model says. */
class ModelledStepTest {
    /** What {@code CudaStepTest} counts of a block; the last one leaves out the text after attention. */
    private static final int LAUNCHES_OF_A_BLOCK = 16;
    private static final int LAUNCHES_OF_THE_LAST = 13;
    private static final int NORMS_BEFORE = 2;

    @Test
    void theLogHasTheModelledStep() throws IOException {
        final String report = ModelledStep.report();
        assertTrue(Files.readString(Path.of("PERFORMANCE.md")).contains(report), "PERFORMANCE.md should have\n" + report);
    }

    @Test
    void everyLaunchOfABlockIsModelled() throws IOException {
        assertEquals(NORMS_BEFORE + 59 * LAUNCHES_OF_A_BLOCK + LAUNCHES_OF_THE_LAST,
                new ModelledStep(200, ModelledStep.USUAL_NEGATIVE).launches());
    }
}
