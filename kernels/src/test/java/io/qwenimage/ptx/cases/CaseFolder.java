package io.qwenimage.ptx.cases;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A case: one launch with its buffers before and after.
 *
 * @param name the folder's name
 * @param ptx text of the module
 * @param entry the kernel
 * @param grid blocks in x, y and z
 * @param block threads of a block in x, y and z
 * @param dynamicSharedBytes bytes of dynamic shared memory
 * @param arguments the arguments in order
 * @param absolute absolute tolerance
 * @param relative relative tolerance
 * @param before the buffers before the launch
 * @param expected the buffers that are compared after it
 */
record CaseFolder(String name, String ptx, String entry, int[] grid, int[] block, int dynamicSharedBytes,
                  List<Argument> arguments, double absolute, double relative, Map<String, StoredTensor> before,
                  Map<String, StoredTensor> expected) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long UNSIGNED_END = 1L << Integer.SIZE;

    /** The folder itself if it is a case, else those of its sub-folders that are, sorted. */
    static List<Path> in(final Path folder) throws IOException {
        if (Files.isRegularFile(folder.resolve("case.json"))) {
            return List.of(folder);
        }
        try (Stream<Path> children = Files.list(folder)) {
            return children.filter(child -> Files.isRegularFile(child.resolve("case.json"))).sorted().toList();
        }
    }

    /**
     * Reads a folder.
     *
     * @throws BrokenCaseException when something in it cannot be read or does not fit together
     */
    static CaseFolder read(final Path folder) {
        try {
            return read(folder, json(required(folder.resolve("case.json"))));
        } catch (final IOException e) {
            throw new BrokenCaseException(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    private static JsonNode json(final Path file) throws IOException {
        try {
            return JSON.readTree(file.toFile());
        } catch (final JsonProcessingException e) {
            throw new BrokenCaseException("case.json is no JSON: " + e.getOriginalMessage());
        }
    }

    private static CaseFolder read(final Path folder, final JsonNode json) throws IOException {
        if (!json.isObject()) {
            throw new BrokenCaseException("case.json holds no object");
        }
        final Path ptx = required(folder.resolve(text(json, "ptx")));
        final Map<String, StoredTensor> before = TensorFile.read(required(folder.resolve("buffers.safetensors")));
        final Map<String, StoredTensor> expected = TensorFile.read(required(folder.resolve("expected.safetensors")));
        if (!json.path("arguments").isArray()) {
            throw new BrokenCaseException("case.json has no list of arguments");
        }
        final List<Argument> arguments = new ArrayList<>();
        for (final JsonNode argument : json.path("arguments")) {
            arguments.add(argument(argument, arguments.size(), before));
        }
        if (expected.isEmpty()) {
            throw new BrokenCaseException("expected.safetensors holds no tensor: nothing would be compared");
        }
        for (final Map.Entry<String, StoredTensor> entry : expected.entrySet()) {
            final StoredTensor buffer = before.get(entry.getKey());
            if (buffer == null) {
                throw new BrokenCaseException("expected.safetensors has " + entry.getKey()
                    + ", buffers.safetensors has not");
            }
            if (buffer.bytes().length != entry.getValue().bytes().length) {
                throw new BrokenCaseException("expected buffer " + entry.getKey() + " is " + entry.getValue()
                    + ", in buffers.safetensors it is " + buffer);
            }
        }
        return new CaseFolder(folder.toAbsolutePath().normalize().getFileName().toString(),
            new String(Files.readAllBytes(ptx), StandardCharsets.UTF_8),
            text(json, "entry"), triple(json, "grid"), triple(json, "block"),
            (int) number(json, "dynamic_shared_bytes"), arguments, tolerance(json, "absolute"),
            tolerance(json, "relative"), before, expected);
    }

    private static Argument argument(final JsonNode json, final int index, final Map<String, StoredTensor> before) {
        if (json.size() == 1) {
            final Map.Entry<String, JsonNode> entry = json.properties().iterator().next();
            final JsonNode value = entry.getValue();
            switch (entry.getKey()) {
                case "buffer" -> {
                    if (!before.containsKey(value.asText())) {
                        throw new BrokenCaseException("argument " + index + ": buffers.safetensors has no " + value);
                    }
                    return new Argument(value.asText(), 8, 0);
                }
                case "i32", "u32" -> {
                    if (value.isIntegralNumber() && value.canConvertToLong() && value.asLong() >= Integer.MIN_VALUE
                        && value.asLong() < UNSIGNED_END) {
                        return new Argument(null, 4, value.asLong());
                    }
                }
                case "i64", "u64" -> {
                    if (value.isIntegralNumber() && value.bigIntegerValue().bitLength() <= Long.SIZE) {
                        return new Argument(null, 8, value.bigIntegerValue().longValue());
                    }
                }
                case "f32" -> {
                    if (value.isNumber() || value.isTextual()) {
                        return new Argument(null, 4, Float.floatToRawIntBits((float) real(value, index)));
                    }
                }
                case "f64" -> {
                    if (value.isNumber() || value.isTextual()) {
                        return new Argument(null, 8, Double.doubleToRawLongBits(real(value, index)));
                    }
                }
                case "null" -> {
                    return new Argument(null, 8, 0);
                }
                default -> { }
            }
        }
        throw new BrokenCaseException("argument " + index + " is " + json
            + ": expected {\"buffer\": name}, {\"i32\": n}, {\"i64\": n}, {\"f32\": x} or {\"null\": true}");
    }

    private static double real(final JsonNode value, final int index) {
        if (value.isNumber()) {
            return value.doubleValue();
        }
        return switch (value.asText()) {
            case "NaN", "nan" -> Double.NaN;
            case "Infinity", "inf" -> Double.POSITIVE_INFINITY;
            case "-Infinity", "-inf" -> Double.NEGATIVE_INFINITY;
            default -> throw new BrokenCaseException("argument " + index + " is " + value + ", which is no number");
        };
    }

    private static double tolerance(final JsonNode json, final String kind) {
        final JsonNode value = json.path("tolerance").path(kind);
        if (value.isMissingNode()) {
            return 0;
        }
        if (!value.isNumber() || !(value.doubleValue() >= 0)) {
            throw new BrokenCaseException("case.json: the " + kind + " tolerance is " + value
                + ", accepted: numbers from 0");
        }
        return value.doubleValue();
    }

    private static Path required(final Path file) {
        if (!Files.isRegularFile(file)) {
            throw new BrokenCaseException(file.getFileName() + " is missing");
        }
        return file;
    }

    private static String text(final JsonNode json, final String key) {
        if (!json.path(key).isTextual()) {
            throw new BrokenCaseException("case.json has no text " + key);
        }
        return json.path(key).asText();
    }

    private static long number(final JsonNode json, final String key) {
        final JsonNode value = json.path(key);
        if (value.isMissingNode()) {
            return 0;
        }
        if (!value.isIntegralNumber() || value.asLong() < 0 || value.asLong() > Integer.MAX_VALUE) {
            throw new BrokenCaseException("case.json: " + key + " is " + value + ", accepted: whole numbers from 0");
        }
        return value.asLong();
    }

    private static int[] triple(final JsonNode json, final String key) {
        final JsonNode values = json.path(key);
        if (!values.isArray() || values.isEmpty() || values.size() > 3) {
            throw new BrokenCaseException("case.json: " + key + " is not three numbers");
        }
        final int[] triple = {1, 1, 1};
        for (int axis = 0; axis < values.size(); axis++) {
            if (!values.get(axis).isIntegralNumber() || !values.get(axis).canConvertToInt()) {
                throw new BrokenCaseException("case.json: " + key + " is " + values + ", accepted: whole numbers");
            }
            triple[axis] = values.get(axis).asInt();
        }
        return triple;
    }

    /**
     * An argument.
     *
     * @param buffer the buffer whose address is passed, or null
     * @param bytes width of the value
     * @param bits the value
     */
    record Argument(String buffer, int bytes, long bits) {
    }
}
