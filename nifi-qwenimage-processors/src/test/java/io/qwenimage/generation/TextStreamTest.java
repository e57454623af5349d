package io.qwenimage.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every token here is one byte, the worst that byte-level BPE can do to a character. */
final class TextStreamTest {
    private final List<String> heard = new ArrayList<>();

    @Test
    void charactersAreSentWhole() {
        final TextStream stream = stream();
        for (final byte part : "aé风🪁!".getBytes(StandardCharsets.UTF_8)) {
            stream.add(part & 0xff);
        }
        assertEquals("aé风🪁!", stream.end());
        assertEquals(List.of("a", "é", "风", "🪁", "!"), heard);
    }

    @Test
    void aCutOffCharacterComesAtTheEnd() {
        final TextStream stream = stream();
        stream.add('a');
        stream.add(0xe9);
        assertEquals(List.of("a"), heard);
        assertEquals("a\uFFFD", stream.end());
    }

    @Test
    void aStopStringEndsTheTextAndIsNoPartOfIt() {
        final TextStream stream = stream("END", "##");
        assertFalse(added(stream, "one EN"));
        assertEquals("one ", String.join("", heard));
        assertTrue(added(stream, "D"));
        assertTrue(stream.stopped());
        assertEquals("one ", stream.end());
        assertEquals("one ", String.join("", heard));
    }

    @Test
    void whatLookedLikeAStopStringIsSentWhenItIsNone() {
        final TextStream stream = stream("END");
        assertFalse(added(stream, "ENcore"));
        assertEquals("ENcore", stream.end());
        assertEquals("ENcore", String.join("", heard));
        assertFalse(stream.stopped());
    }

    private TextStream stream(final String... stops) {
        return new TextStream(TextStreamTest::decode, List.of(stops), heard::add);
    }

    private static boolean added(final TextStream stream, final String text) {
        boolean stopped = false;
        for (final byte part : text.getBytes(StandardCharsets.UTF_8)) {
            stopped = stream.add(part & 0xff);
        }
        return stopped;
    }

    private static String decode(final int[] tokens) {
        final byte[] bytes = new byte[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            bytes[i] = (byte) tokens[i];
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
