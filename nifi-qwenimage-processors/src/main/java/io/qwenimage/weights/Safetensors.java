package io.qwenimage.weights;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Safetensors in memory: named tensors and metadata read from a stream, without a file.
 *
 * @param tensors  by name, in the order of the header
 * @param metadata strings by key
 */
public record Safetensors(Map<String, HostTensor> tensors, Map<String, String> metadata) {
    public Safetensors {
        tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /** Reads bytes; see {@link #read(InputStream, int)}. */
    public static Safetensors read(final byte[] bytes) throws SafetensorsFormatException {
        try {
            return read(new ByteArrayInputStream(bytes), bytes.length);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory failed", e);
        }
    }

    /**
     * Reads a stream to its end; the stream is not closed. No more memory is taken than the stream has bytes, whatever
     * its header claims.
     *
     * @param maximumBytes refuse what is longer
     * @return tensors whose data lies in direct memory of their own
     * @throws SafetensorsFormatException if the bytes are not valid safetensors, are more than {@code maximumBytes}, or
     *                                    hold a tensor of a type without support
     * @throws IOException                if the stream itself fails
     */
    public static Safetensors read(final InputStream in, final int maximumBytes)
            throws IOException, SafetensorsFormatException {
        final int length = SafetensorsHeader.length(in.readNBytes(SafetensorsHeader.LENGTH_BYTES), Long.MAX_VALUE);
        requireBound(SafetensorsHeader.LENGTH_BYTES + length, maximumBytes);
        final byte[] json = in.readNBytes(length);
        if (json.length < length) {
            throw new SafetensorsFormatException("its header claims " + length + " bytes but only " + json.length
                    + " follow, so it is truncated");
        }
        final SafetensorsHeader header = SafetensorsHeader.parse(json);
        requireBound(SafetensorsHeader.LENGTH_BYTES + length + header.dataBytes(), maximumBytes);
        final byte[] data = in.readNBytes((int) header.dataBytes());
        header.requireDataBytes(data.length);
        if (in.read() >= 0) {
            throw new SafetensorsFormatException("it goes on behind its last tensor");
        }
        return new Safetensors(tensors(header, data), header.metadata());
    }

    private static Map<String, HostTensor> tensors(final SafetensorsHeader header, final byte[] data)
            throws SafetensorsFormatException {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        for (final SafetensorsHeader.Entry entry : header.entries().values()) {
            final DType dtype = entry.dtype();
            // One buffer each: a bundle that keeps one tensor does not hold the memory of all.
            final ByteBuffer bytes = ByteBuffer.allocateDirect((int) entry.bytes());
            bytes.put(0, data, (int) entry.begin(), (int) entry.bytes());
            tensors.put(entry.name(), new HostTensor(entry.shape(), dtype, bytes));
        }
        return tensors;
    }

    private static void requireBound(final long bytes, final int maximumBytes) throws SafetensorsFormatException {
        if (bytes < 0 || bytes > maximumBytes) {
            throw new SafetensorsFormatException("it claims " + bytes + " bytes; at most " + maximumBytes
                    + " are accepted");
        }
    }
}
