package io.qwenimage.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
    @TempDir
    private Path folder;

    @Test
    void readsEverySupportedType() throws IOException {
        final Path file = write("""
                {"__metadata__": {"format": "pt", "n": "\\u00fc"},
                 "i64": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
                 "f32": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]},
                 "f16": {"dtype": "F16", "shape": [2], "data_offsets": [16, 20]},
                 "bf16": {"dtype": "BF16", "shape": [2], "data_offsets": [20, 24]},
                 "f8": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [24, 26]},
                 "u8": {"dtype": "U8", "shape": [3], "data_offsets": [26, 29]},
                 "scalar": {"dtype": "U8", "shape": [], "data_offsets": [29, 30]},
                 "empty": {"dtype": "F32", "shape": [0, 7], "data_offsets": [30, 30]}}  """, values());
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            assertEquals(List.of("i64", "f32", "f16", "bf16", "f8", "u8", "scalar", "empty"),
                    List.copyOf(weights.names()));
            assertEquals(Map.of("format", "pt", "n", "\u00fc"), weights.metadata());
            assertArrayEquals(new long[] {-5}, weights.tensor("i64").toLongs());
            assertArrayEquals(new float[] {1.5f, -2f}, weights.tensor("f32").toFloats());
            assertEquals(Shape.of(2, 1), weights.tensor("f32").shape());
            assertArrayEquals(new float[] {0.5f, 65504f}, weights.tensor("f16").toFloats());
            assertArrayEquals(new float[] {1f, -0.5f}, weights.tensor("bf16").toFloats());
            assertArrayEquals(new float[] {1f, -448f}, weights.tensor("f8").toFloats());
            assertEquals(ByteBuffer.wrap(new byte[] {7, 8, 9}), weights.tensor("u8").bytes());
            assertEquals(9, weights.tensor("scalar").bytes().get(0) - 1);
            assertEquals(0, weights.tensor("empty").toFloats().length);
            assertEquals(new WeightSource.Info(DType.F32, Shape.of(0, 7)), weights.info("empty"));
            assertTrue(weights.tensor("f32").bytes().isDirect());
        }
    }

    @ParameterizedTest
    @MethodSource("damaged")
    void refusesDamageByFileTensorAndValue(final String header, final int dataBytes, final String expected)
            throws IOException {
        final Path file = Files.write(folder.resolve("x.safetensors"), RawSafetensors.bytes(header, dataBytes));
        final WeightException e = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
        assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
        assertTrue(e.getMessage().contains(expected), () -> "'" + expected + "' in: " + e.getMessage());
        assertTrue(e.getMessage().endsWith("download it again"), e.getMessage());
    }

    static Stream<Arguments> damaged() {
        final String a = "{\"a\": {\"dtype\": \"U8\", \"shape\": [4], \"data_offsets\": [0, 4]}";
        return Stream.of(
                Arguments.of("", 0, "does not begin with {"),
                Arguments.of(" {}", 0, "does not begin with {"),
                Arguments.of("{", 0, "not valid JSON"),
                Arguments.of("{} {}", 0, "goes on behind"),
                Arguments.of("{\u0000\"", 0, "not valid JSON"),
                Arguments.of(a + ", \"a\": 0}", 4, "Duplicate field 'a'"),
                Arguments.of("{\"a\": {\"dtype\": \"U8\", \"dtype\": \"U8\"}}", 0, "Duplicate field 'dtype'"),
                Arguments.of("{\"__metadata__\": {\"k\": \"v\", \"k\": \"v\"}}", 0, "Duplicate field 'k'"),
                Arguments.of("{\"__metadata__\": {\"k\": 1}}", 0, "__metadata__.k is 1 where a string must stand"),
                Arguments.of("{\"__metadata__\": []}", 0, "__metadata__ is [ where an object"),
                Arguments.of("{\"a\": 7}", 0, "tensor a is 7"),
                Arguments.of("{\"a\": {\"shape\": [1], \"data_offsets\": [0, 1]}}", 1, "tensor a lacks dtype"),
                Arguments.of("{\"a\": {\"dtype\": \"U8\", \"data_offsets\": [0, 1]}}", 1, "tensor a lacks shape"),
                Arguments.of("{\"a\": {\"dtype\": \"U8\", \"shape\": [1]}}", 1, "lacks a pair of data_offsets"),
                Arguments.of(tensor("U8", "[1]", "[1]"), 1, "lacks a pair of data_offsets"),
                Arguments.of(tensor("U8", "[1]", "[0, 1, 2]"), 1, "more than 2 elements"),
                Arguments.of(tensor("F31", "[1]", "[0, 4]"), 4, "tensor a has the unknown dtype F31"),
                Arguments.of(tensor("U8", "[-4]", "[0, 4]"), 4, "tensor a: shape holds -4"),
                Arguments.of(tensor("U8", "[4.0]", "[0, 4]"), 4, "tensor a: shape holds 4.0"),
                Arguments.of(tensor("U8", "[99999999999999999999]", "[0, 4]"), 4, "holds 99999999999999999999"),
                Arguments.of(tensor("U8", "[4294967296, 4294967296]", "[0, 4]"), 4, "more elements than 63 bits"),
                Arguments.of(tensor("F64", "[2305843009213693952]", "[0, 4]"), 4, "more elements than 63 bits"),
                Arguments.of(tensor("U8", "[" + "1,".repeat(64) + "1]", "[0, 1]"), 1, "more than 64 elements"),
                Arguments.of(tensor("F4", "[3]", "[0, 2]"), 2, "does not fill whole bytes"),
                Arguments.of(tensor("U8", "[4]", "[4, 0]"), 4, "data_offsets [4, 0] end before they begin"),
                Arguments.of(tensor("F32", "[4]", "[0, 4]"), 4, "span 4 bytes, but shape [4] of F32 has 16"),
                Arguments.of(tensor("U8", "[4]", "[0, 4]"), 3, "truncated: its tensors need 4 bytes"),
                Arguments.of(tensor("U8", "[4]", "[0, 4]"), 5, "1 bytes behind its last tensor"),
                Arguments.of(tensor("U8", "[4]", "[1, 5]"), 5, "tensor a begins at 1 but the header ends at 0"),
                Arguments.of(a + ", \"b\": {\"dtype\": \"U8\", \"shape\": [2], \"data_offsets\": [3, 5]}}", 5,
                        "tensor b at data_offsets [3, 5] overlaps tensor a, which ends at 4"),
                Arguments.of(a + ", \"b\": {\"dtype\": \"U8\", \"shape\": [2], \"data_offsets\": [5, 7]}}", 7,
                        "tensor b begins at 5 but a ends at 4"),
                Arguments.of(a + ", \"b\": {\"dtype\": \"U8\", \"shape\": [0], \"data_offsets\": [2, 2]}}", 4,
                        "overlaps tensor a"));
    }

    @Test
    void refusesAHeaderThatIsNotUtf8() throws IOException {
        final byte[] header = "{\"\u00e9\": 1}".getBytes(StandardCharsets.ISO_8859_1);
        final Path file = Files.write(folder.resolve("x.safetensors"), RawSafetensors.bytes(header, 0));
        final WeightException e = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
        assertTrue(e.getMessage().contains("not UTF-8"), e.getMessage());
    }

    @Test
    void refusesHeaderLengthsBeyondTheBoundAndTheFile() throws IOException {
        final Path file = folder.resolve("x.safetensors");
        for (final long length : new long[] {-1, Long.MIN_VALUE, 100_000_001, Long.MAX_VALUE}) {
            Files.write(file, prefix(length));
            final WeightException e = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
            assertTrue(e.getMessage().contains("at most 100000000"), e.getMessage());
        }
        Files.write(file, prefix(100_000_000));
        final WeightException beyond = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
        assertTrue(beyond.getMessage().contains("only 2 follow, so it is truncated"), beyond.getMessage());
        Files.write(file, new byte[7]);
        final WeightException tooShort = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
        assertTrue(tooShort.getMessage().contains("it has 7 bytes"), tooShort.getMessage());
    }

    @Test
    void knowsThePointersOfGitLfs() throws IOException {
        final Path file = Files.writeString(folder.resolve("x.safetensors"),
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        final WeightException e = assertThrows(WeightException.class, () -> SafetensorsFile.open(file));
        assertTrue(e.getMessage().contains("git lfs pull"), e.getMessage());
    }

    @Test
    void refusesWhatCannotBeRead() {
        final WeightException e = assertThrows(WeightException.class,
                () -> SafetensorsFile.open(folder.resolve("absent.safetensors")));
        assertTrue(e.getMessage().contains("absent.safetensors cannot be read"), e.getMessage());
        assertThrows(WeightException.class, () -> SafetensorsFile.open(folder));
    }

    @Test
    void listsTypesWithoutSupportButRefusesTheirData() throws IOException {
        final Path file = Files.write(folder.resolve("x.safetensors"),
                RawSafetensors.bytes(tensor("F64", "[1]", "[0, 8]"), 8));
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            assertTrue(weights.names().contains("a"));
            final WeightException e = assertThrows(WeightException.class, () -> weights.tensor("a"));
            assertTrue(e.getMessage().contains("tensor a has the type F64; supported are [F32"), e.getMessage());
        }
    }

    @Test
    void readsTheSameThroughMapsOfAnySize() throws IOException {
        final String header = """
                {"c": {"dtype": "U8", "shape": [2], "data_offsets": [7, 9]},
                 "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
                 "b": {"dtype": "U8", "shape": [2, 2], "data_offsets": [3, 7]}}""";
        final Path file = Files.write(folder.resolve("x.safetensors"), RawSafetensors.bytes(header, 9));
        for (int regionBytes = 4; regionBytes < 11; regionBytes++) {
            try (SafetensorsFile weights = SafetensorsFile.open(file, regionBytes)) {
                assertEquals(ByteBuffer.wrap(new byte[] {0, 1, 2}), weights.tensor("a").bytes());
                assertEquals(ByteBuffer.wrap(new byte[] {3, 4, 5, 6}), weights.tensor("b").bytes());
                assertEquals(ByteBuffer.wrap(new byte[] {7, 8}), weights.tensor("c").bytes());
            }
        }
        try (SafetensorsFile weights = SafetensorsFile.open(file, 3)) {
            assertEquals(ByteBuffer.wrap(new byte[] {7, 8}), weights.tensor("c").bytes());
            final HostTensor b = weights.tensor("b");
            assertEquals(List.of("U8[1, 2]", "U8[1, 2]"), b.parts().stream().map(HostTensor::toString).toList());
            assertEquals("U8[2, 2]", b.toString());
            assertEquals(ByteBuffer.wrap(new byte[] {5, 6}), b.row(1).bytes());
            assertTrue(assertThrows(IllegalStateException.class, b::bytes).getMessage().contains("4 bytes"));
        }
        try (SafetensorsFile weights = SafetensorsFile.open(file, 1)) {
            final WeightException e = assertThrows(WeightException.class, () -> weights.tensor("b"));
            assertTrue(e.getMessage().contains("tensor b [2, 2] of U8 has 4 bytes"), e.getMessage());
        }
    }

    @Test
    void readsTensorsBeyondTwoGibibytesInPartsAndRefusesASingleRowThatLarge() throws IOException {
        final long large = (1L << 31) + 8;
        final String header = "{\"large\": {\"dtype\": \"U8\", \"shape\": [" + large + "], \"data_offsets\": [0, " + large
                + "]}, \"last\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [" + large + ", " + (large + 4)
                + "]}}";
        try (SafetensorsFile weights = SafetensorsFile.open(sparse(header, large))) {
            assertArrayEquals(new float[] {1f}, weights.tensor("last").toFloats());
            final HostTensor tensor = weights.tensor("large");
            assertEquals(large, tensor.shape().elements());
            assertEquals(2, tensor.parts().size());
            assertEquals(0, tensor.parts().getFirst().shape().extent(0) % 1024);
            assertEquals(7, tensor.row(large - 1).bytes().get(0));
        }
        try (SafetensorsFile weights = SafetensorsFile.open(sparse(
                header.replace("[" + large + "]", "[1, " + large + "]"), large))) {
            final WeightException e = assertThrows(WeightException.class, () -> weights.tensor("large"));
            assertTrue(e.getMessage().contains("tensor large [1, " + large + "] of U8"), e.getMessage());
        }
    }

    /** The hole takes no room on the disk. */
    private Path sparse(final String header, final long large) throws IOException {
        final byte[] start = RawSafetensors.bytes(header, 0);
        final Path file = folder.resolve("sparse.safetensors");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.write(start);
            sparse.seek(start.length + large - 1);
            sparse.write(new byte[] {7, 0, 0, (byte) 0x80, 0x3f});
        }
        return file;
    }

    @Test
    void refusesUseAfterClosingButKeepsWhatWasHandedOut() throws IOException {
        final Path file = Files.write(folder.resolve("x.safetensors"),
                RawSafetensors.bytes(tensor("U8", "[2]", "[0, 2]"), 2));
        final SafetensorsFile weights = SafetensorsFile.open(file);
        final HostTensor tensor = weights.tensor("a");
        weights.close();
        weights.close();
        assertThrows(IllegalStateException.class, () -> weights.tensor("a"));
        assertEquals(1, tensor.bytes().get(1));
    }

    @Test
    void anInterruptedThreadCancelsOpeningAndHarmsNoOpenFile() throws IOException {
        final Path file = Files.write(folder.resolve("x.safetensors"),
                RawSafetensors.bytes(tensor("U8", "[2]", "[0, 2]"), 2));
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            Thread.currentThread().interrupt();
            assertThrows(CancellationException.class, () -> SafetensorsFile.open(file));
            assertEquals(1, weights.tensor("a").bytes().get(1));
            assertTrue(Thread.interrupted());
        }
        assertFalse(Thread.currentThread().isInterrupted());
    }

    @Test
    void namesTheMissingTensor() throws IOException {
        final Path file = Files.write(folder.resolve("x.safetensors"), RawSafetensors.bytes("{}", 0));
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            final WeightException e = assertThrows(WeightException.class, () -> weights.tensor("proj_in.weight"));
            assertTrue(e.getMessage().contains("proj_in.weight is missing from " + file), e.getMessage());
        }
    }

    private Path write(final String header, final ByteBuffer data) throws IOException {
        final byte[] start = RawSafetensors.bytes(header, 0);
        final byte[] bytes = ByteBuffer.allocate(start.length + data.capacity()).put(start).put(data.array()).array();
        return Files.write(folder.resolve("model.safetensors"), bytes);
    }

    private static ByteBuffer values() {
        final ByteBuffer data = ByteBuffer.allocate(30).order(ByteOrder.LITTLE_ENDIAN);
        data.putLong(-5).putFloat(1.5f).putFloat(-2f);
        data.putShort((short) 0x3800).putShort((short) 0x7bff);
        data.putShort((short) 0x3f80).putShort((short) 0xbf00);
        data.put((byte) 0x38).put((byte) 0xfe);
        data.put((byte) 7).put((byte) 8).put((byte) 9).put((byte) 10);
        return data;
    }

    private static String tensor(final String dtype, final String shape, final String offsets) {
        return "{\"a\": {\"dtype\": \"" + dtype + "\", \"shape\": " + shape + ", \"data_offsets\": " + offsets + "}}";
    }

    private static byte[] prefix(final long length) {
        return ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
    }
}
