package io.qwenimage.ptx.cases;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads and writes safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes. */
final class TensorFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TensorFile() {
    }

    /** The tensors by name, in the order of the header. */
    static Map<String, StoredTensor> read(final Path file) throws IOException {
        final byte[] content = Files.readAllBytes(file);
        if (content.length < Long.BYTES) {
            throw new IOException(file + ": " + content.length + " bytes are no safetensors file");
        }
        final long headerBytes = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (headerBytes < 0 || headerBytes > content.length - Long.BYTES) {
            throw new IOException(file + ": the header is said to have " + headerBytes + " bytes, the file has "
                + content.length);
        }
        final int start = Long.BYTES + (int) headerBytes;
        final JsonNode header = header(file, content, (int) headerBytes);
        final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        for (final Map.Entry<String, JsonNode> entry : header.properties()) {
            if (!entry.getKey().equals("__metadata__")) {
                tensors.put(entry.getKey(), tensor(file, entry.getKey(), entry.getValue(), content, start));
            }
        }
        return tensors;
    }

    private static JsonNode header(final Path file, final byte[] content, final int bytes) throws IOException {
        JsonNode header = null;
        try {
            header = JSON.readTree(content, Long.BYTES, bytes);
        } catch (final JsonProcessingException e) {
            throw new IOException(file + ": the header is no JSON: " + e.getOriginalMessage(), e);
        }
        if (header == null || !header.isObject()) {
            throw new IOException(file + ": the header is no JSON object");
        }
        return header;
    }

    private static StoredTensor tensor(final Path file, final String name, final JsonNode entry, final byte[] content,
                                       final int start) throws IOException {
        final TensorType type = TensorType.named(entry.path("dtype").asText());
        if (type == null) {
            throw new IOException(file + ": tensor " + name + " is of unknown type " + entry.path("dtype"));
        }
        final long[] shape = new long[entry.path("shape").size()];
        long elements = 1;
        for (int axis = 0; axis < shape.length; axis++) {
            shape[axis] = entry.path("shape").get(axis).asLong(-1);
            if (shape[axis] < 0 || shape[axis] > Integer.MAX_VALUE || elements > Integer.MAX_VALUE) {
                throw new IOException(file + ": tensor " + name + " has the shape " + entry.path("shape"));
            }
            elements *= shape[axis];
        }
        final JsonNode offsets = entry.path("data_offsets");
        final long from = offsets.path(0).asLong(-1);
        final long to = offsets.path(1).asLong(-1);
        if (from < 0 || to < from || to > content.length - start || elements * type.bytes() != to - from) {
            throw new IOException(file + ": tensor " + name + " of type " + type + " and shape "
                + Arrays.toString(shape)
                + " does not fit bytes " + from + " to " + to + " of " + (content.length - start));
        }
        return new StoredTensor(type, shape, Arrays.copyOfRange(content, start + (int) from, start + (int) to));
    }

    static void write(final Path file, final Map<String, StoredTensor> tensors) throws IOException {
        final ObjectNode header = JSON.createObjectNode();
        long offset = 0;
        for (final Map.Entry<String, StoredTensor> entry : tensors.entrySet()) {
            final StoredTensor tensor = entry.getValue();
            final ObjectNode node = header.putObject(entry.getKey());
            node.put("dtype", tensor.type().name());
            for (final long size : tensor.shape()) {
                node.withArrayProperty("shape").add(size);
            }
            node.withArrayProperty("shape");
            node.putArray("data_offsets").add(offset).add(offset + tensor.bytes().length);
            offset += tensor.bytes().length;
        }
        byte[] text = JSON.writeValueAsString(header).getBytes(StandardCharsets.UTF_8);
        final int padded = (text.length + 7) / 8 * 8;
        final int length = text.length;
        text = Arrays.copyOf(text, padded);
        Arrays.fill(text, length, padded, (byte) ' ');
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).array());
            out.write(text);
            for (final StoredTensor tensor : tensors.values()) {
                out.write(tensor.bytes());
            }
        }
    }
}
