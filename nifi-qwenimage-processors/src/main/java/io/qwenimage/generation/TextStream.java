package io.qwenimage.generation;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Makes text of tokens as they come, and notices stop strings. A character that several tokens spell is held back until
 * it is whole, and so is what may yet become a stop string.
 */
public final class TextStream {
    private static final char UNREADABLE = '\uFFFD';
    private static final int LONGEST_CHARACTER_BYTES = 4;

    private final Function<int[], String> decoder;
    private final List<String> stops;
    private final Consumer<String> listener;
    private final StringBuilder complete = new StringBuilder();
    private int[] pending = new int[0];
    private int sent;
    private String text = "";
    private boolean stopped;

    /**
     * Begins a stream.
     *
     * @param decoder  text of a run of tokens; bytes that are no character yet become U+FFFD
     * @param stops    strings that end the text; they are no part of it
     * @param listener hears every new piece of text
     */
    public TextStream(final Function<int[], String> decoder, final List<String> stops,
            final Consumer<String> listener) {
        this.decoder = decoder;
        this.stops = List.copyOf(stops);
        this.listener = listener;
    }

    /**
     * Adds a token.
     *
     * @return whether a stop string is complete
     */
    public boolean add(final int token) {
        pending = Arrays.copyOf(pending, pending.length + 1);
        pending[pending.length - 1] = token;
        final String piece = decoder.apply(pending);
        final String all = complete + piece;
        if (piece.isEmpty() || piece.charAt(piece.length() - 1) != UNREADABLE) {
            complete.append(piece);
            pending = new int[0];
        }
        final int stop = stopIn(all);
        if (stop >= 0) {
            stopped = true;
            text = all.substring(0, stop);
            send(text.length());
            return true;
        }
        text = all;
        send(Math.min(wholeCharacters(all), all.length() - heldForStops(all)));
        return false;
    }

    /** The whole text; what was held back is sent. */
    public String end() {
        send(text.length());
        return text;
    }

    /** Whether a stop string ended the text. */
    public boolean stopped() {
        return stopped;
    }

    private void send(final int until) {
        if (until > sent) {
            listener.accept(text.substring(sent, until));
            sent = until;
        }
    }

    private int stopIn(final String all) {
        int first = -1;
        for (final String stop : stops) {
            final int place = stop.isEmpty() ? -1 : all.indexOf(stop);
            first = place >= 0 && (first < 0 || place < first) ? place : first;
        }
        return first;
    }

    /** A character of UTF-8 has at most four bytes, so no more unreadable signs than that can become one. */
    private static int wholeCharacters(final String all) {
        int end = all.length();
        while (end > 0 && all.length() - end < LONGEST_CHARACTER_BYTES && all.charAt(end - 1) == UNREADABLE) {
            end--;
        }
        return end;
    }

    private int heldForStops(final String all) {
        int held = 0;
        for (final String stop : stops) {
            for (int length = Math.min(stop.length() - 1, all.length()); length > held; length--) {
                if (all.endsWith(stop.substring(0, length))) {
                    held = length;
                }
            }
        }
        return held;
    }
}
