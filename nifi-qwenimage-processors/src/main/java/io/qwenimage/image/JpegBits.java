package io.qwenimage.image;

/**
 * The bits of a JPEG scan, read ahead. Those that would lie beyond the next marker or the end of the file are zeros, and
 * {@link #check} refuses a scan that has taken one.
 */
final class JpegBits {
    private static final int FULL = 48;

    private final ByteCursor file;
    private final byte[] bytes;
    private int position;
    /** The low bits, the latest lowest. */
    private long buffer;
    private int count;
    /** How many of the bits in the buffer lie beyond the scan. */
    private int missing;

    /** From where the file is at. */
    JpegBits(final ByteCursor file) {
        this.file = file;
        bytes = file.bytes();
        position = file.position();
    }

    /** The next bits, up to 16, as a number, without taking them. */
    int peek(final int length) {
        if (count < length) {
            fill();
        }
        return (int) (buffer >>> count - length) & (1 << length) - 1;
    }

    /** Takes bits that were peeked at. */
    void drop(final int length) {
        count -= length;
    }

    /** Takes the next bits, up to 16. */
    int take(final int length) {
        final int value = peek(length);
        count -= length;
        return value;
    }

    /** A signed number of so many bits (T.81, figure F.12). */
    int signed(final int length) {
        if (length == 0) {
            return 0;
        }
        final int value = take(length);
        return value < 1 << length - 1 ? value - (1 << length) + 1 : value;
    }

    /** Refuses the file if bits were taken from beyond the scan. */
    void check() {
        if (count < missing) {
            throw position >= file.end() ? file.truncated() : file.damaged("its pixels end early");
        }
    }

    /** Drops what is left before a restart marker and steps over it. */
    void restart() {
        buffer = 0;
        count = 0;
        missing = 0;
        nextMarker();
        if ((bytes[position + 1] & 0xf8) != 0xd0) {
            throw file.damaged("its pixels end early");
        }
        position += 2;
    }

    /** Moves the file to the next marker. */
    void finish() {
        nextMarker();
        file.at(position);
    }

    private void nextMarker() {
        while (position + 1 < file.end()) {
            final int next = bytes[position + 1] & 0xff;
            if (bytes[position] == -1 && next != 0 && next != 0xff) {
                return;
            }
            position++;
        }
        throw file.truncated();
    }

    private void fill() {
        while (count <= FULL) {
            int next = 0;
            if (position >= file.end()) {
                missing += 8;
            } else if (bytes[position] != -1) {
                next = bytes[position++] & 0xff;
            } else {
                next = escaped();
            }
            buffer = buffer << 8 | next;
            count += 8;
        }
    }

    /** A byte 0xff of data is followed by a zero; before a marker there may be more of them. */
    private int escaped() {
        int at = position + 1;
        while (at < file.end() && bytes[at] == -1) {
            at++;
        }
        if (at >= file.end()) {
            position = file.end();
            missing += 8;
            return 0;
        }
        if (bytes[at] != 0) {
            position = at - 1;
            missing += 8;
            return 0;
        }
        position = at + 1;
        return 0xff;
    }
}
