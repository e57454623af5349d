package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.VerificationStep;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyCommandTest {
    @TempDir
    private Path folder;

    @Test
    void findingsAreListedAndTheFirstFailureIsTheError() {
        final StandInPipeline engine = new StandInPipeline();
        engine.findings = List.of(new VerificationStep("Folder", true, "all there"),
                new VerificationStep("Weights", false, "shard 2 is missing"),
                new VerificationStep("Memory", false, "too little"));

        final CommandRun run = CommandRun.of(engine, "verify", "--model", "somewhere");

        assertEquals(1, run.status());
        assertEquals(List.of("ok      Folder: all there", "FAILED  Weights: shard 2 is missing",
                "FAILED  Memory: too little"), run.out().lines().toList());
        assertEquals(List.of("2 of 3 checks of somewhere failed, the first: shard 2 is missing"),
                run.err().lines().toList());
    }

    @Test
    void theDemoModelIsSound() {
        final CommandRun run = CommandRun.of(new StandardEngineFactory(), "verify");

        assertEquals(0, run.status(), run.out());
        assertTrue(run.out().lines().allMatch(line -> line.startsWith("ok ")), run.out());
        assertEquals("", run.err());
    }

    @Test
    void damageIsFound() throws IOException {
        final Path model = DemoModel.unpack(folder);
        try (FileChannel weights = FileChannel.open(model.resolve("vae/diffusion_pytorch_model.safetensors"),
                StandardOpenOption.WRITE)) {
            weights.truncate(weights.size() - 1);
        }
        Files.delete(model.resolve("scheduler/scheduler_config.json"));

        final CommandRun run = CommandRun.of(new StandardEngineFactory(), "verify", "--model", model.toString());

        assertEquals(1, run.status());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.out().contains("diffusion_pytorch_model.safetensors"), run.out());
        assertTrue(run.out().contains("scheduler_config.json"), run.out());
    }

    @Test
    void aFolderThatIsNotThereIsNamed() {
        final CommandRun run = CommandRun.of(new StandardEngineFactory(), "verify", "--model", "/does/not/exist");

        assertEquals(1, run.status());
        assertTrue(run.err().contains("/does/not/exist"), run.err());
    }
}
