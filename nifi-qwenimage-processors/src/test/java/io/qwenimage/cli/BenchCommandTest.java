package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchCommandTest {
    private final List<BenchOptions> asked = new ArrayList<>();
    private final StringWriter out = new StringWriter();
    @TempDir
    private Path folder;

    @Test
    void everyJobIsMeasuredOnItsOwn() {
        assertEquals(0, run("--model", "somewhere", "--threads", "3", "--repeats", "2", "--seconds", "1.5"));

        assertEquals(Bench.JOBS, asked.stream().map(options -> options.jobs().getFirst()).toList());
        assertEquals(Path.of("somewhere"), asked.getFirst().folder());
        assertEquals(3, asked.getFirst().device().threads());
        assertEquals(2, asked.getFirst().repeats());
        assertEquals(1.5, asked.getFirst().seconds());
        assertEquals(Bench.JOBS.size(), out.toString().lines().count());
    }

    @Test
    void theRatioToPyTorchIsPrinted() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "no shell to stand in for Python");
        final Path script = Files.writeString(folder.resolve("peer.py"),
                "echo '{\"name\": \"'$2'\", \"seconds_median\": 0.5}'");

        assertEquals(0, run("--model", "somewhere", "--only", "vae_decode", "--python", "/bin/sh", "--torch",
                script.toString()));
        assertTrue(out.toString().contains("vae_decode    PyTorch median 0.5000 s, ratio 0.40"), out.toString());
    }

    @Test
    void aPeerThatFailsIsNamed() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "no shell to stand in for Python");
        final Path script = Files.writeString(folder.resolve("peer.py"), "echo oops; exit 3");

        assertEquals(1, run("--model", "somewhere", "--python", "/bin/sh", "--torch", script.toString()));
        assertEquals(1, run("--model", "somewhere", "--python", "/does/not/exist", "--torch", script.toString()));
    }

    @Test
    void jobsThatAreNotKnownAreWrongUsage() {
        assertEquals(2, run("--model", "somewhere", "--only", "vae_decode,coffee"));
        assertEquals(2, run("--model", "somewhere", "--threads", "0"));
        assertEquals(2, run());
        assertEquals(List.of(), asked);
    }

    private int run(final String... arguments) {
        return new CommandLine(new BenchCommand(options -> {
            asked.add(options);
            return List.of(new BenchResult(options.jobs().getFirst(), List.of(0.1, 0.2, 0.3), 1e9, 1e-6, 0.1, 10, 10));
        })).setOut(new PrintWriter(out, true)).setErr(new PrintWriter(new StringWriter()))
                .setExecutionExceptionHandler((failure, command, parsed) -> 1).execute(arguments);
    }
}
