package io.qwenimage.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Builds safetensors bytes from a header as it stands, valid or not. */
final class RawSafetensors {
    private RawSafetensors() {
    }

    /** Length, header, and {@code dataBytes} bytes that count up from 0. */
    static byte[] bytes(final String header, final int dataBytes) {
        return bytes(header.getBytes(StandardCharsets.UTF_8), dataBytes);
    }

    static byte[] bytes(final byte[] header, final int dataBytes) {
        final ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + header.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header);
        for (int i = 0; i < dataBytes; i++) {
            bytes.put((byte) i);
        }
        return bytes.array();
    }
}
