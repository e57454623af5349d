package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PtxMachineMainTest {
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final PtxMachineMain machine = new PtxMachineMain(print(), print());

    @TempDir
    private Path folder;

    @Test
    void testCaseHoldsAndItsBuffersAreWritten() throws IOException, URISyntaxException {
        final Path given = stored("bit_counts_sm80");
        final Path after = folder.resolve("after.safetensors");
        assertEquals(0, machine.run("--out", after.toString(), given.toString()), text());
        assertTrue(text().contains(": holds"), text());
        final Map<String, StoredTensor> written = TensorFile.read(after);
        final Map<String, StoredTensor> expected = TensorFile.read(given.resolve("expected.safetensors"));
        expected.forEach((name, tensor) -> assertArrayEquals(tensor.bytes(), written.get(name).bytes(), name));
    }

    @Test
    void testShortfallIsNamed() throws IOException, URISyntaxException {
        final Path broken = copy(stored("bit_counts_sm80"));
        final Path expected = broken.resolve("expected.safetensors");
        final Map<String, StoredTensor> tensors = TensorFile.read(expected);
        final String name = tensors.keySet().iterator().next();
        tensors.get(name).bytes()[0] ^= 1;
        TensorFile.write(expected, tensors);
        assertEquals(1, machine.run(broken.toString()));
        assertTrue(text().contains("buffer " + name + ": 1 of "), text());
    }

    @Test
    void testBrokenCaseIsOneLine() throws IOException, URISyntaxException {
        final Path broken = copy(stored("bit_counts_sm80"));
        Files.writeString(broken.resolve("case.json"), "{\"ptx\": ");
        assertEquals(1, machine.run(broken.toString()));
        assertEquals(1, text().strip().lines().count(), text());
        Files.delete(broken.resolve("case.json"));
        assertEquals(1, machine.run(broken.toString()));
        assertTrue(text().contains("case.json is missing"), text());
    }

    @Test
    void testWrongUsage() {
        assertEquals(2, machine.run());
        assertEquals(2, machine.run("--fast"));
        assertEquals(2, machine.run("--out"));
        assertEquals(2, machine.run(folder.resolve("nowhere").toString()));
        assertTrue(text().contains("usage: "), text());
    }

    private Path copy(final Path given) throws IOException {
        final Path target = Files.createDirectories(folder.resolve("copied"));
        try (Stream<Path> files = Files.list(given)) {
            for (final Path file : files.toList()) {
                Files.copy(file, target.resolve(file.getFileName()));
            }
        }
        return target;
    }

    private static Path stored(final String name) throws URISyntaxException {
        return Path.of(PtxMachineMainTest.class.getResource("/ptx-cases/" + name).toURI());
    }

    private PrintStream print() {
        return new PrintStream(output, true, StandardCharsets.UTF_8);
    }

    private String text() {
        return output.toString(StandardCharsets.UTF_8);
    }
}
