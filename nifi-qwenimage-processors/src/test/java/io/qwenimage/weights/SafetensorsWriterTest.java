package io.qwenimage.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SafetensorsWriterTest {
    private static final Map<String, HostTensor> TENSORS = tensors();

    @Test
    void writesTheDocumentedLayout() throws IOException {
        final byte[] bytes = write(Map.of("one", HostTensor.ofFloats(Shape.of(1), 1f)), Map.of("k", "v"));
        final String header = "{\"__metadata__\":{\"k\":\"v\"},\"one\":{\"dtype\":\"F32\",\"shape\":[1],"
                + "\"data_offsets\":[0,4]}}";
        final int padded = (header.length() + 7) / 8 * 8;
        assertEquals(padded, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
        assertEquals(header + " ".repeat(padded - header.length()),
                new String(bytes, 8, padded, StandardCharsets.UTF_8));
        assertEquals(8 + padded + 4, bytes.length);
        assertEquals(1f, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getFloat(8 + padded));
    }

    @Test
    void readsBackWhatItWrote() throws IOException, SafetensorsFormatException {
        final Map<String, String> metadata = Map.of("prompt", "a \"red\" kite \u98ce\u7b5d \ud83e\ude81\n", "empty", "");
        final Safetensors read = Safetensors.read(write(TENSORS, metadata));
        assertEquals(metadata, read.metadata());
        assertEquals(TENSORS.keySet(), read.tensors().keySet());
        for (final Map.Entry<String, HostTensor> entry : TENSORS.entrySet()) {
            final HostTensor tensor = read.tensors().get(entry.getKey());
            assertEquals(entry.getValue().shape(), tensor.shape());
            assertEquals(entry.getValue().dtype(), tensor.dtype());
            assertEquals(entry.getValue().bytes(), tensor.bytes());
        }
    }

    @Test
    void alignsEveryTensorToItsElements() throws IOException {
        final String header = headerOf(write(TENSORS, Map.of()));
        assertTrue(header.indexOf("\"ids\"") < header.indexOf("\"latents\""), header);
        assertTrue(header.indexOf("\"latents\"") < header.indexOf("\"bytes\""), header);
        assertEquals(0, (header.length()) % 8);
    }

    @Test
    void equalInputGivesEqualBytesWhateverTheOrder() throws IOException {
        final Map<String, HostTensor> reversed = new LinkedHashMap<>();
        List.copyOf(TENSORS.keySet()).reversed().forEach(name -> reversed.put(name, TENSORS.get(name)));
        final Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("b", "2");
        metadata.put("a", "1");
        assertArrayEquals(write(TENSORS, Map.of("a", "1", "b", "2")), write(reversed, metadata));
    }

    @Test
    void replacesUnpairedSurrogatesInMetadata() throws IOException, SafetensorsFormatException {
        final Safetensors read = Safetensors.read(write(Map.of(), Map.of("prompt", "a\ud83eb")));
        assertEquals("a\ufffdb", read.metadata().get("prompt"));
    }

    @Test
    void refusesNamesThatTheFormatReserves() {
        final HostTensor tensor = HostTensor.ofFloats(Shape.of(1), 1f);
        assertThrows(IllegalArgumentException.class, () -> write(Map.of("__metadata__", tensor), Map.of()));
        assertThrows(IllegalArgumentException.class, () -> write(Map.of("", tensor), Map.of()));
    }

    @Test
    void readingRefusesMoreThanTheBoundWithoutReadingIt() throws IOException {
        final byte[] bytes = write(TENSORS, Map.of());
        final InputStream in = new ByteArrayInputStream(bytes);
        final SafetensorsFormatException e = assertThrows(SafetensorsFormatException.class,
                () -> Safetensors.read(in, bytes.length - 1));
        assertTrue(e.getMessage().contains("claims " + bytes.length + " bytes; at most " + (bytes.length - 1)),
                e.getMessage());
        assertTrue(in.available() > 0);
    }

    @Test
    void readingRefusesAStreamThatEndsEarlyOrGoesOn() throws IOException {
        final byte[] bytes = write(TENSORS, Map.of());
        for (int length = 0; length < bytes.length; length++) {
            final byte[] cut = Arrays.copyOf(bytes, length);
            assertThrows(SafetensorsFormatException.class, () -> Safetensors.read(cut));
        }
        final byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
        assertThrows(SafetensorsFormatException.class, () -> Safetensors.read(longer));
    }

    private static Map<String, HostTensor> tensors() {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        tensors.put("ids", HostTensor.ofLongs(Shape.of(1, 3), 1, -2, 3));
        tensors.put("latents", HostTensor.ofFloats(Shape.of(2, 1), 0.5f, -0f));
        tensors.put("nothing", HostTensor.ofFloats(Shape.of(0)));
        tensors.put("bytes", new HostTensor(Shape.of(3), DType.U8, ByteBuffer.wrap(new byte[] {1, 2, 3})));
        return tensors;
    }

    private static String headerOf(final byte[] bytes) {
        final int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return new String(bytes, 8, length, StandardCharsets.UTF_8);
    }

    private static byte[] write(final Map<String, HostTensor> tensors, final Map<String, String> metadata)
            throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, tensors, metadata);
        return out.toByteArray();
    }
}
