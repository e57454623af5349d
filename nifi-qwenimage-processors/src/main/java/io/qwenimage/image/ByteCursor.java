package io.qwenimage.image;

import java.util.Arrays;

/** A place in a picture file; reading past the end is refused as truncation. */
final class ByteCursor {
    private final String format;
    private final byte[] bytes;
    private final int end;
    private int position;

    /** At the start of a file. */
    ByteCursor(final String format, final byte[] bytes) {
        this(format, bytes, 0, bytes.length);
    }

    private ByteCursor(final String format, final byte[] bytes, final int position, final int end) {
        this.format = format;
        this.bytes = bytes;
        this.position = position;
        this.end = end;
    }

    /** The name of the file format, for messages. */
    String format() {
        return format;
    }

    byte[] bytes() {
        return bytes;
    }

    int position() {
        return position;
    }

    int end() {
        return end;
    }

    int remaining() {
        return end - position;
    }

    /** Moves to a place within the file or to its end. */
    ByteCursor at(final long place) {
        if (place < 0 || place > end) {
            throw truncated();
        }
        position = (int) place;
        return this;
    }

    ByteCursor skip(final long count) {
        return at(position + count);
    }

    /** The next bytes as a cursor of their own, past which this one moves. */
    ByteCursor slice(final long count) {
        if (count < 0 || count > remaining()) {
            throw truncated();
        }
        final ByteCursor slice = new ByteCursor(format, bytes, position, position + (int) count);
        position += (int) count;
        return slice;
    }

    /** The next bytes, copied. */
    byte[] copy(final long count) {
        final ByteCursor slice = slice(count);
        return Arrays.copyOfRange(bytes, slice.position, slice.end);
    }

    int uint8() {
        if (position >= end) {
            throw truncated();
        }
        return bytes[position++] & 0xff;
    }

    int uint16BigEndian() {
        return uint8() << 8 | uint8();
    }

    int uint16LittleEndian() {
        return uint8() | uint8() << 8;
    }

    int uint24LittleEndian() {
        return uint16LittleEndian() | uint8() << 16;
    }

    long uint32BigEndian() {
        return (long) uint16BigEndian() << 16 | uint16BigEndian();
    }

    long uint32LittleEndian() {
        return uint16LittleEndian() | (long) uint16LittleEndian() << 16;
    }

    /** Whether the next bytes are those of an ASCII text. */
    boolean startsWith(final String text) {
        return startsWith(text, 0);
    }

    /** Whether the bytes from so many places on are those of an ASCII text. */
    boolean startsWith(final String text, final int ahead) {
        if (ahead + text.length() > remaining()) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if (bytes[position + ahead + i] != (byte) text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    ImageException truncated() {
        return new ImageException("the " + format + " picture of " + bytes.length
                + " bytes is truncated; send the whole file again");
    }

    /** The exception that refuses what the file says. */
    ImageException damaged(final String what) {
        return new ImageException("the " + format + " picture of " + bytes.length + " bytes is damaged (" + what
                + "); send it again or save it anew");
    }

    /** The exception that refuses what is valid but not read. */
    ImageException unsupported(final String what) {
        return new ImageException("the " + format + " picture has " + what
                + ", which is not read; save it as PNG or as baseline JPEG");
    }
}
