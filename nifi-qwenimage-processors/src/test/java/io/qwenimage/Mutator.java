package io.qwenimage;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Damages bytes in ways that readers tend to mishandle; the same seed gives the same damage. */
final class Mutator {
    private static final List<byte[]> SNIPPETS = List.of("0", "-1", "9", "4294967296", "9223372036854775807",
            "-9223372036854775808", "99999999999999999999", "1e999", "NaN", "null", "true", "{}", "[]", "\"\"", "{", "}",
            "[", "]", "\"", ",", ":", "\\", "\\u0000", "\\ud800", "\\u00", "\u0000", "\ufeff", "\u00e9", "F64", "F4",
            "__metadata__", "../x.safetensors", "/etc/passwd", " ", "\n", "//", "0.5", "-0", "[[[[[[[[")
            .stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();

    private final SplittableRandom random;

    Mutator(final long seed) {
        this.random = new SplittableRandom(seed);
    }

    /** A copy with one to four damages. */
    byte[] mutate(final byte[] original) {
        byte[] bytes = original.clone();
        for (int i = random.nextInt(4); i >= 0; i--) {
            bytes = damage(bytes);
        }
        return bytes;
    }

    /** A safetensors file whose header is damaged, most often with a length that fits the damaged header. */
    byte[] mutateHeader(final byte[] file) {
        final int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        final byte[] header = mutate(Arrays.copyOfRange(file, Long.BYTES, Long.BYTES + length));
        final long stated = random.nextInt(8) > 0 ? header.length : random.nextLong() >> random.nextInt(64);
        return join(ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(stated).array(), header,
                Arrays.copyOfRange(file, Long.BYTES + length, file.length));
    }

    private byte[] damage(final byte[] bytes) {
        final int at = random.nextInt(bytes.length + 1);
        final int to = Math.min(bytes.length, at + random.nextInt(1 + Math.min(64, bytes.length)));
        final byte[] head = Arrays.copyOf(bytes, at);
        return switch (random.nextInt(7)) {
            case 0 -> flip(bytes);
            case 1 -> join(head, SNIPPETS.get(random.nextInt(SNIPPETS.size())), rest(bytes, at));
            case 2 -> join(head, SNIPPETS.get(random.nextInt(SNIPPETS.size())), rest(bytes, to));
            case 3 -> join(head, rest(bytes, to));
            case 4 -> join(head, Arrays.copyOfRange(bytes, at, to), rest(bytes, at));
            case 5 -> head;
            default -> replaceNumber(bytes, at);
        };
    }

    private byte[] flip(final byte[] bytes) {
        final byte[] flipped = bytes.clone();
        if (flipped.length > 0) {
            flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return flipped;
    }

    /** Replaces the next number, so that sizes and offsets get damaged more often than by chance. */
    private byte[] replaceNumber(final byte[] bytes, final int from) {
        int begin = from;
        while (begin < bytes.length && !Character.isDigit(bytes[begin])) {
            begin++;
        }
        int end = begin;
        while (end < bytes.length && Character.isDigit(bytes[end])) {
            end++;
        }
        return join(Arrays.copyOf(bytes, begin), SNIPPETS.get(random.nextInt(13)), rest(bytes, end));
    }

    private static byte[] rest(final byte[] bytes, final int from) {
        return Arrays.copyOfRange(bytes, from, bytes.length);
    }

    private static byte[] join(final byte[]... parts) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (final byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
