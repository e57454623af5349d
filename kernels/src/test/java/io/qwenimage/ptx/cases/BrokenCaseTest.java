package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Case folders of every kind of buffer, and such as cannot be run: each is one line that names what is wrong. */
class BrokenCaseTest {
    private static final String COPY = """
        .version 7.0
        .target sm_80
        .address_size 64
        .visible .entry copy(.param .u64 from, .param .u64 to, .param .u32 bytes)
        {
        .reg .pred %p<2>;
        .reg .b16 %h<2>;
        .reg .b32 %r<3>;
        .reg .b64 %rd<4>;
        ld.param.u64 %rd0, [from];
        ld.param.u64 %rd1, [to];
        ld.param.u32 %r1, [bytes];
        mov.u32 %r0, %tid.x;
        setp.ge.u32 %p0, %r0, %r1;
        @%p0 ret;
        cvt.u64.u32 %rd2, %r0;
        add.u64 %rd0, %rd0, %rd2;
        add.u64 %rd1, %rd1, %rd2;
        ld.global.b8 %h0, [%rd0];
        st.global.b8 [%rd1], %h0;
        ret;
        }
        """;
    private static final String CASE = """
        {"ptx": "copy.ptx", "entry": "copy", "grid": [1, 1, 1], "block": [32, 1, 1], "dynamic_shared_bytes": 0,
         "arguments": [{"buffer": "x"}, {"buffer": "y"}, {"i32": 16}], "tolerance": {"absolute": 0, "relative": 0}}
        """;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final PtxMachineMain machine = new PtxMachineMain(print(), print());

    @TempDir
    private Path folder;

    @BeforeEach
    void setUp() throws IOException {
        write(folder.resolve("sound"), CASE, TensorType.F32, new byte[16], new byte[16]);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "\"ptx\": \"copy.ptx\"         | \"ptx\": \"other.ptx\"      | other.ptx is missing",
        "\"ptx\": \"copy.ptx\",        | ''                          | case.json has no text ptx",
        "\"entry\": \"copy\"           | \"entry\": \"paste\"        | paste",
        "\"entry\": \"copy\"           | \"entry\": 7                | case.json has no text entry",
        "{\"buffer\": \"x\"}           | {\"buffer\": \"z\"}         | argument 0: buffers.safetensors has no \"z\"",
        ", {\"i32\": 16}               | ''                          | case.json has 2 arguments, kernel copy has 3",
        "{\"i32\": 16}                 | {\"i32\": 16}, {\"i32\": 1} | case.json has 4 arguments, kernel copy has 3",
        "{\"i32\": 16}                 | {\"i64\": 16}               | argument 2 has 8 bytes, parameter bytes has 4",
        "{\"i32\": 16}                 | {\"i32\": 4294967296}       | argument 2 is {\"i32\":4294967296}",
        "{\"i32\": 16}                 | {\"i32\": 1.5}              | argument 2 is {\"i32\":1.5}",
        "{\"i32\": 16}                 | {\"f32\": \"much\"}         | argument 2 is \"much\", which is no number",
        "{\"i32\": 16}                 | {\"int\": 16}               | expected {\"buffer\": name}",
        "{\"buffer\": \"y\"}           | {\"i32\": 5}                | argument 1 has 4 bytes, parameter to has 8",
        "\"arguments\"                 | \"argument\"                | case.json has no list of arguments",
        "\"grid\": [1, 1, 1]           | \"grid\": [0, 1, 1]         | grid [0, 1, 1]",
        "\"grid\": [1, 1, 1]           | \"grid\": [1, 1, 70000]     | grid [1, 1, 70000]",
        "\"grid\": [1, 1, 1]           | \"grid\": [\"a\"]           | grid is [\"a\"]",
        "\"grid\": [1, 1, 1]           | \"grid\": 1                 | grid is not three numbers",
        "\"block\": [32, 1, 1]         | \"block\": [1025, 1, 1]     | block [1025, 1, 1]",
        "\"dynamic_shared_bytes\": 0   | \"dynamic_shared_bytes\": -1 | dynamic_shared_bytes is -1",
        "\"dynamic_shared_bytes\": 0   | \"dynamic_shared_bytes\": 300000 | bytes of shared memory",
        "\"absolute\": 0               | \"absolute\": \"small\"     | the absolute tolerance is \"small\"",
        "\"relative\": 0               | \"relative\": -1            | the relative tolerance is -1",
        "\"ptx\"                       | ptx                         | case.json is no JSON",
    })
    void testBrokenDescription(final String part, final String replacement, final String message) throws IOException {
        final Path broken = folder.resolve("broken");
        assertTrue(CASE.contains(part), part);
        write(broken, CASE.replace(part, replacement), TensorType.F32, new byte[16], new byte[16]);
        assertBroken(broken, message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "case.json            | case.json is missing",
        "copy.ptx             | copy.ptx is missing",
        "buffers.safetensors  | buffers.safetensors is missing",
        "expected.safetensors | expected.safetensors is missing",
    })
    void testMissingFile(final String file, final String message) throws IOException {
        Files.delete(folder.resolve("sound").resolve(file));
        assertBroken(folder.resolve("sound"), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "F31 | [4]  | 0, 16 | unknown type \"F31\"",
        "F64 | [4]  | 0, 16 | type F64 and shape [4] does not fit",
        "F32 | [9]  | 0, 36 | does not fit bytes 0 to 36 of 16",
        "F32 | [-4] | 0, 16 | has the shape [-4]",
        "F16 | [4]  | 0, 8  | is F16[4], in buffers.safetensors it is F32[4]",
    })
    void testTensorThatDoesNotFit(final String type, final String shape, final String offsets, final String message)
        throws IOException {
        expect("{\"y\": {\"dtype\": \"" + type + "\", \"shape\": " + shape + ", \"data_offsets\": [" + offsets + "]}}");
        assertBroken(folder.resolve("sound"), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"z\": {\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0, 16]}} | z, buffers.safetensors has not",
        "{}    | expected.safetensors holds no tensor",
        "[]    | the header is no JSON object",
        "{\"y  | the header is no JSON",
    })
    void testBrokenTensors(final String header, final String message) throws IOException {
        expect(header);
        assertBroken(folder.resolve("sound"), message);
    }

    @Test
    void testNoTensorFile() throws IOException {
        Files.write(folder.resolve("sound").resolve("buffers.safetensors"), new byte[] {1, 2, 3});
        assertBroken(folder.resolve("sound"), "3 bytes are no safetensors file");
        Files.write(folder.resolve("sound").resolve("buffers.safetensors"), new byte[] {-1, -1, -1, -1, -1, -1, -1, 7});
        assertBroken(folder.resolve("sound"), "the header is said to have");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "ld.global.b8 %h0, [%rd0]; | ld.globule.b8 %h0, [%rd0];  | line 19",
        "mov.u32 %r0, %tid.x;      | frob.u32 %r0, %tid.x;       | frob.u32",
        "ret; }                    | ret;                        | line",
        "mov.u32 %r0, %tid.x;      | mov.u32 %r9, %tid.x;        | %r9",
    })
    void testTextThatCannotBeRun(final String part, final String replacement, final String message) throws IOException {
        final String text = COPY.replace("ret;\n}", "ret; }");
        assertTrue(text.contains(part), part);
        Files.writeString(folder.resolve("sound").resolve("copy.ptx"), text.replace(part, replacement));
        assertBroken(folder.resolve("sound"), message);
    }

    @Test
    void testOneOfSeveralCasesFails() throws IOException {
        final Path differs = folder.resolve("differs");
        write(differs, CASE, TensorType.F32, numbers(1, 2, 3, 4), numbers(1, 2, 3.5f, 4));
        final Path broken = folder.resolve("no-case");
        write(broken, "{}", TensorType.F32, new byte[16], new byte[16]);
        final Path last = folder.resolve("third");
        write(last, CASE, TensorType.F32, numbers(5, 6, 7, 8), numbers(5, 6, 7, 8));
        final Path after = folder.resolve("after.safetensors");
        assertEquals(1, machine.run("--out", after.toString(), differs.toString(), broken.toString(), last.toString()));
        final String[] lines = text().split("\n");
        assertEquals(3, lines.length, text());
        assertEquals(differs
            + ": buffer y: 1 of 4 elements differ, first [2] is 3.0, expected 3.5 (tolerance 0.0 + 0.0 "
            + "|expected|)", lines[0]);
        assertTrue(lines[1].startsWith(broken + ": cannot be run: "), lines[1]);
        assertEquals(last + ": holds", lines[2]);
        assertEquals(Set.of("differs/x", "differs/y", "third/x", "third/y"), TensorFile.read(after).keySet());
    }

    @Test
    void testFolderOfCases() throws IOException {
        write(folder.resolve("all/b"), CASE, TensorType.F32, numbers(1, 2, 3, 4), numbers(1, 2, 3, 4));
        write(folder.resolve("all/a"), CASE, TensorType.F32, numbers(1, 2, 3, 4), numbers(0, 2, 3, 4));
        assertEquals(1, machine.run(folder.resolve("all").toString()));
        final String[] lines = text().split("\n");
        assertTrue(lines[0].contains("all/a: buffer y"), text());
        assertTrue(lines[1].endsWith("all/b: holds"), text());
    }

    @ParameterizedTest
    @EnumSource
    void testEveryTypeIsComparedAndWritten(final TensorType type) throws IOException {
        final byte[] content = new byte[16];
        for (int i = 0; i < content.length; i++) {
            content[i] = (byte) (type == TensorType.BOOL ? i & 1 : 16 + 3 * i);
        }
        write(folder.resolve("typed"), CASE, type, content, content);
        final Path after = folder.resolve("after.safetensors");
        assertEquals(0, machine.run("--out", after.toString(), folder.resolve("typed").toString()), text());
        final StoredTensor written = TensorFile.read(after).get("y");
        assertEquals(type, written.type());
        assertEquals(ByteBuffer.wrap(content), ByteBuffer.wrap(written.bytes()));
        final byte[] other = content.clone();
        other[15] ^= 1;
        write(folder.resolve("typed"), CASE, type, content, other);
        assertEquals(1, machine.run(folder.resolve("typed").toString()), text());
        assertTrue(text().contains("buffer y: 1 of " + 16 / type.bytes() + " elements differ"), text());
    }

    @ParameterizedTest
    @CsvSource({"NaN, NaN, 0", "NaN, 1, 1", "1, NaN, 1", "Infinity, Infinity, 0", "Infinity, -Infinity, 1",
        "Infinity, 3e38, 1", "3e38, Infinity, 1", "0, -0.0, 0", "1, 1.25, 0", "1, 1.26, 1"})
    void testSpecialValuesAndTolerance(final float actual, final float expected, final int status) throws IOException {
        final Path special = folder.resolve("special");
        write(special, CASE.replace("\"absolute\": 0", "\"absolute\": 0.25"), TensorType.F32,
            numbers(actual, 1, 1, 1), numbers(expected, 1, 1, 1));
        assertEquals(status, machine.run(special.toString()), text());
    }

    @Test
    void testEmptyBufferAndOnePassedTwice() throws IOException {
        final Path empty = folder.resolve("empty");
        write(empty, CASE.replace("16", "0"), TensorType.F32, new byte[0], new byte[0]);
        assertEquals(0, machine.run(empty.toString()), text());
        final Path twice = folder.resolve("twice");
        write(twice, CASE.replace("\"x\"", "\"y\""), TensorType.F32, new byte[16], new byte[16]);
        assertEquals(0, machine.run(twice.toString()), text());
        final Path beyond = folder.resolve("beyond");
        write(beyond, CASE, TensorType.F32, new byte[0], new byte[0]);
        assertEquals(1, machine.run(beyond.toString()));
        assertTrue(text().contains("access out of bounds"), text());
    }

    @Test
    void testNullPointer() throws IOException {
        final Path given = folder.resolve("null");
        write(given, CASE.replace("{\"buffer\": \"x\"}", "{\"null\": true}"), TensorType.F32, new byte[16],
            new byte[16]);
        assertEquals(1, machine.run(given.toString()));
        assertTrue(text().contains("copy, PTX line 19"), text());
        assertTrue(text().contains("thread (0, 0, 0)"), text());
    }

    /** Puts a header and 16 bytes in the place of what is expected. */
    private void expect(final String header) throws IOException {
        final byte[] text = header.getBytes(StandardCharsets.UTF_8);
        final ByteBuffer file = ByteBuffer.allocate(Long.BYTES + text.length + 16).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(text.length).put(text);
        Files.write(folder.resolve("sound").resolve("expected.safetensors"), file.array());
    }

    private void assertBroken(final Path broken, final String message) {
        output.reset();
        assertEquals(1, machine.run(broken.toString()), text());
        assertEquals(1, text().strip().lines().count(), text());
        assertTrue(text().startsWith(broken + ": cannot be run: "), text());
        assertTrue(text().contains(message), text());
    }

    /** A case that copies x to y. */
    private static void write(final Path target, final String description, final TensorType type, final byte[] x,
                              final byte[] expected) throws IOException {
        Files.createDirectories(target);
        Files.writeString(target.resolve("copy.ptx"), COPY);
        Files.writeString(target.resolve("case.json"), description);
        final long[] shape = {x.length / type.bytes()};
        final Map<String, StoredTensor> buffers = new LinkedHashMap<>();
        buffers.put("x", new StoredTensor(type, shape, x));
        buffers.put("y", new StoredTensor(type, shape, new byte[x.length]));
        TensorFile.write(target.resolve("buffers.safetensors"), buffers);
        TensorFile.write(target.resolve("expected.safetensors"), Map.of("y", new StoredTensor(type, shape, expected)));
    }

    private static byte[] numbers(final float... values) {
        final ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (final float value : values) {
            bytes.putFloat(value);
        }
        return bytes.array();
    }

    private PrintStream print() {
        return new PrintStream(output, true, StandardCharsets.UTF_8);
    }

    private String text() {
        return output.toString(StandardCharsets.UTF_8);
    }
}
