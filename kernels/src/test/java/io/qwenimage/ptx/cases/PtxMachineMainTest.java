package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

    /**
     * A device writes a row's padding up to the next multiple of 16 bytes; who expects what was there is right, too.
     */
    @ParameterizedTest
    @ValueSource(ints = {0, 99, 50})
    void testPaddingBehindATensorStore(final int value) throws IOException, URISyntaxException {
        final int columns = 43;
        final int pitch = 48;
        final Path changed = copy(stored("matmul_persistent_sm90"));
        final Path file = changed.resolve("expected.safetensors");
        final Map<String, StoredTensor> tensors = TensorFile.read(file);
        final ByteBuffer expected = ByteBuffer.wrap(tensors.get("c").bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int element = 0; element < tensors.get("c").elements(); element++) {
            if (element % pitch >= columns) {
                expected.putShort(element * Short.BYTES, (short) (Float.floatToRawIntBits(value) >>> 16));
            }
        }
        TensorFile.write(file, tensors);
        final Path after = folder.resolve("after.safetensors");
        assertEquals(value == 50 ? 1 : 0, machine.run("--out", after.toString(), changed.toString()), text());
        final StoredTensor written = TensorFile.read(after).get("c");
        assertEquals(value == 50 ? 0 : value, written.type().value(written.bytes(), columns));
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
