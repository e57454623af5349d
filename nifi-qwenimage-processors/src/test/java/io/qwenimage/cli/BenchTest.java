package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.SafetensorsWriter;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchTest {
    private static final Path GOLDENS = Path.of("src/test/resources/goldens");
    private static final String JOB = "vae_decode";

    @TempDir
    private Path folder;

    @BeforeEach
    void copyModel() throws IOException {
        Files.createDirectories(folder.resolve("vae"));
        Files.createDirectories(folder.resolve("bench"));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(GOLDENS.resolve("models/defaults-f16-f8/vae"))) {
            for (final Path file : files) {
                Files.copy(file, folder.resolve("vae").resolve(file.getFileName()));
            }
        }
    }

    @Test
    void timesWhatEqualsTheReference() throws IOException {
        writeReference(1f);
        final BenchResult result = Bench.run(options(3)).getFirst();
        assertEquals(JOB, result.job());
        assertEquals(3, result.seconds().size());
        assertTrue(result.operations() > 1e6 && result.error() <= 1e-3, result.describe());
        assertTrue(result.weightBytes() >= result.storedBytes() && result.storedBytes() > 0, result.describe());
    }

    @Test
    void doesNotTimeWhatDeviates() throws IOException {
        writeReference(1.01f);
        final IllegalStateException refusal = assertThrows(IllegalStateException.class, () -> Bench.run(options(1)));
        assertTrue(refusal.getMessage().contains(JOB), refusal.getMessage());
    }

    @Test
    void refusesUnknownJobs() {
        final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> new BenchOptions(folder, CpuOptions.defaults(), List.of("everything"), 1, 1));
        assertTrue(refusal.getMessage().contains("everything") && refusal.getMessage().contains(JOB),
                refusal.getMessage());
    }

    @Test
    void theMedianOfAnEvenNumberOfRunsLiesBetween() {
        assertEquals(2.5, new BenchResult(JOB, List.of(9.0, 2.0, 3.0, 1.0), 5e9, 0, 0, 1, 1).median());
        assertEquals(2, new BenchResult(JOB, List.of(9.0, 2.0, 1.0), 5e9, 0, 0, 1, 1).median());
        assertEquals(2, new BenchResult(JOB, List.of(2.5), 5e9, 0, 0, 1, 1).gigaOperationsPerSecond());
    }

    private BenchOptions options(final int repeats) {
        return new BenchOptions(folder, CpuOptions.defaults().withThreads(1), List.of(JOB), repeats, 60);
    }

    private void writeReference(final float factor) throws IOException {
        final Path tensors = GOLDENS.resolve("blocks/vae_decoder.defaults-f16-f8.safetensors");
        try (WeightSource golden = SafetensorsFile.open(tensors);
                OutputStream out = Files.newOutputStream(folder.resolve("bench").resolve(JOB + ".safetensors"))) {
            final HostTensor picture = golden.tensor("decoder.conv_out");
            final float[] values = picture.toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] = factor * Math.clamp(values[i], -1f, 1f);
            }
            SafetensorsWriter.write(out, Map.of("latents", golden.tensor("input.latents"),
                    "output", HostTensor.ofFloats(picture.shape(), values)), Map.of());
        }
    }
}
