package io.qwenimage.image;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The pictures and digests of {@code make_resize_goldens.py}. */
final class DrawnPictures {
    private static final int DIGEST_BYTES = 8;

    private DrawnPictures() {
    }

    static JsonNode goldens() {
        try (InputStream in = DrawnPictures.class.getResourceAsStream("/pictures/resizing.json")) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static RgbImage draw(final JsonNode golden) {
        return draw(golden.get("kind").asText(), golden.get("width").asInt(), golden.get("height").asInt(),
                golden.get("seed").asInt());
    }

    static RgbImage draw(final String kind, final int width, final int height, final int seed) {
        final byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) sample(kind, width, i, seed);
        }
        return new RgbImage(width, height, rgb);
    }

    static String digest(final float[] values) {
        final ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return digest(bytes.array());
    }

    static String digest(final byte[] values) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(values), 0, DIGEST_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static int sample(final String kind, final int width, final int index, final int seed) {
        if (kind.equals("waves")) {
            final int pixel = index / 3;
            return (pixel % width * 7 + pixel / width * 3 + index % 3 * 50 + seed) / 2 & 0xff;
        }
        int value = index * (int) 2654435761L + seed * 40503;
        value ^= value >>> 15;
        value *= (int) 2246822519L;
        value ^= value >>> 13;
        value = value >>> 7 & 0xff;
        return kind.equals("extremes") ? (value & 1) * 255 : value;
    }
}
