package io.qwenimage.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.qwenimage.tensor.HostTensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes named tensors as safetensors. Equal input gives equal bytes: metadata is sorted by key, tensors by element
 * size (largest first, as the reference library does, so that each is aligned to its elements) and then by name.
 */
public final class SafetensorsWriter {
    private static final int ALIGNMENT = 8;
    private static final byte[] REPLACEMENT_CHARACTER = "\ufffd".getBytes(StandardCharsets.UTF_8);
    private static final JsonFactory JSON = new JsonFactory();

    private SafetensorsWriter() {
    }

    /**
     * Writes tensors and metadata; the stream is neither flushed nor closed.
     *
     * @param metadata strings by key; unpaired surrogates in them become U+FFFD, since JSON in UTF-8 has none
     * @throws IllegalArgumentException if a tensor's name is empty or {@code __metadata__}
     * @throws IOException              if the stream fails
     */
    public static void write(final OutputStream out, final Map<String, HostTensor> tensors,
            final Map<String, String> metadata) throws IOException {
        final List<Map.Entry<String, HostTensor>> ordered = new ArrayList<>(tensors.entrySet());
        ordered.sort(Comparator.comparingInt((final Map.Entry<String, HostTensor> entry) ->
                -entry.getValue().dtype().bytes()).thenComparing(Map.Entry::getKey));
        final byte[] header = header(ordered, metadata);
        out.write(ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length).array());
        out.write(header);
        final WritableByteChannel channel = Channels.newChannel(out);
        for (final Map.Entry<String, HostTensor> entry : ordered) {
            final ByteBuffer bytes = entry.getValue().bytes();
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }
    }

    private static byte[] header(final List<Map.Entry<String, HostTensor>> tensors, final Map<String, String> metadata)
            throws IOException {
        final ByteArrayOutputStream json = new ByteArrayOutputStream();
        try (JsonGenerator generator = JSON.createGenerator(json)) {
            generator.writeStartObject();
            if (!metadata.isEmpty()) {
                generator.writeObjectFieldStart("__metadata__");
                for (final Map.Entry<String, String> entry : new TreeMap<>(metadata).entrySet()) {
                    generator.writeStringField(wellFormed(entry.getKey()), wellFormed(entry.getValue()));
                }
                generator.writeEndObject();
            }
            long offset = 0;
            for (final Map.Entry<String, HostTensor> entry : tensors) {
                offset = writeEntry(generator, entry.getKey(), entry.getValue(), offset);
            }
            generator.writeEndObject();
        }
        final int padding = -json.size() & ALIGNMENT - 1;
        final byte[] padded = Arrays.copyOf(json.toByteArray(), json.size() + padding);
        Arrays.fill(padded, json.size(), padded.length, (byte) ' ');
        return padded;
    }

    private static long writeEntry(final JsonGenerator generator, final String name, final HostTensor tensor,
            final long offset) throws IOException {
        if (name.isEmpty() || name.equals("__metadata__") || !name.equals(wellFormed(name))) {
            throw new IllegalArgumentException("'" + name + "' cannot be the name of a tensor");
        }
        final long end = offset + tensor.bytes().remaining();
        generator.writeObjectFieldStart(name);
        generator.writeStringField("dtype", tensor.dtype().name());
        generator.writeFieldName("shape");
        final long[] shape = tensor.shape().toArray();
        generator.writeArray(shape, 0, shape.length);
        generator.writeFieldName("data_offsets");
        generator.writeArray(new long[] {offset, end}, 0, 2);
        generator.writeEndObject();
        return end;
    }

    private static String wellFormed(final String text) throws IOException {
        final CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder()
                .onMalformedInput(CodingErrorAction.REPLACE).replaceWith(REPLACEMENT_CHARACTER);
        return StandardCharsets.UTF_8.decode(encoder.encode(CharBuffer.wrap(text))).toString();
    }
}
