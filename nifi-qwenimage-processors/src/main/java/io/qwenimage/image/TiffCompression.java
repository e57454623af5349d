package io.qwenimage.image;

import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** The compressions of TIFF strips and tiles that are read (TIFF 6.0, sections 9 and 13; Deflate: Adobe's notes). */
enum TiffCompression {
    /** Bytes as they are. */
    NONE(1),
    /** Codes of 9 to 12 bits, the highest bit first, that grow one code early. */
    LZW(1366) {
        @Override
        void expand(final ByteCursor from, final byte[] to) {
            new Codes(from).read(to);
        }
    },
    /** A zlib stream. */
    DEFLATE(1032) {
        @Override
        void expand(final ByteCursor from, final byte[] to) {
            final Inflater inflater = new Inflater();
            try {
                inflater.setInput(from.bytes(), from.position(), from.remaining());
                int at = 0;
                while (at < to.length) {
                    final int count = inflater.inflate(to, at, to.length - at);
                    if (count == 0) {
                        throw from.truncated();
                    }
                    at += count;
                }
            } catch (DataFormatException e) {
                throw from.damaged("its compressed pixels break off: " + e.getMessage());
            } finally {
                inflater.end();
            }
        }
    },
    /** Runs of a byte and runs of different bytes. */
    PACK_BITS(64) {
        @Override
        void expand(final ByteCursor from, final byte[] to) {
            int at = 0;
            while (at < to.length) {
                final int header = (byte) from.uint8();
                if (header >= 0) {
                    for (int i = 0; i <= header; i++) {
                        at = set(to, at, from.uint8());
                    }
                } else if (header != Byte.MIN_VALUE) {
                    final int value = from.uint8();
                    for (int i = 0; i <= -header; i++) {
                        at = set(to, at, value);
                    }
                }
            }
        }
    };

    private final int bestRatio;

    TiffCompression(final int bestRatio) {
        this.bestRatio = bestRatio;
    }

    /** The number of bytes that a byte of the file stands for at most. */
    int bestRatio() {
        return bestRatio;
    }

    /** Fills an array with what a strip or tile holds. */
    void expand(final ByteCursor from, final byte[] to) {
        final ByteCursor source = from.slice(to.length);
        System.arraycopy(source.bytes(), source.position(), to, 0, to.length);
    }

    /** The compression of a number in a file, refused if it is not read. */
    static TiffCompression of(final long number, final ByteCursor file) {
        return switch ((int) number) {
            case 1 -> NONE;
            case 5 -> LZW;
            case 8, 32946 -> DEFLATE;
            case 32773 -> PACK_BITS;
            case 2, 3, 4 -> throw file.unsupported("fax compression (" + number + ")");
            case 6, 7 -> throw file.unsupported("JPEG compression (" + number + ")");
            default -> throw file.unsupported("compression " + number);
        };
    }

    private static int set(final byte[] to, final int at, final int value) {
        if (at < to.length) {
            to[at] = (byte) value;
        }
        return at + 1;
    }

    /** Strings of bytes in LZW codes. */
    private static final class Codes {
        private static final int CLEAR = 256;
        private static final int END = 257;
        private static final int FIRST = 258;
        private static final int LONGEST = 12;

        private final ByteCursor from;
        /** [code]: the length and the last byte of its string, and the code of what stands before that. */
        private final short[] length = new short[1 << LONGEST];
        private final byte[] suffix = new byte[1 << LONGEST];
        private final short[] prefix = new short[1 << LONGEST];
        private int buffer;
        private int buffered;
        private int next = FIRST;
        private int bits = 9;

        private Codes(final ByteCursor from) {
            this.from = from;
            for (int i = 0; i < CLEAR; i++) {
                length[i] = 1;
                suffix[i] = (byte) i;
            }
        }

        private void read(final byte[] to) {
            int at = 0;
            int previous = -1;
            while (at < to.length) {
                final int code = code();
                if (code == END) {
                    throw from.truncated();
                }
                if (code == CLEAR) {
                    next = FIRST;
                    bits = 9;
                    previous = -1;
                    continue;
                }
                if (code > next || code >= CLEAR && previous < 0) {
                    throw from.damaged("a code stands before its string");
                }
                if (previous >= 0 && next < 1 << LONGEST) {
                    add(previous, code == next ? first(previous) : first(code));
                }
                write(code, to, at);
                at += length[code];
                previous = code;
            }
        }

        private void add(final int before, final byte last) {
            prefix[next] = (short) before;
            suffix[next] = last;
            length[next] = (short) (length[before] + 1);
            next++;
            if (next == (1 << bits) - 1 && bits < LONGEST) {
                bits++;
            }
        }

        private byte first(final int code) {
            int link = code;
            while (link >= CLEAR) {
                link = prefix[link];
            }
            return (byte) link;
        }

        private void write(final int code, final byte[] to, final int at) {
            int link = code;
            for (int i = at + length[code] - 1; i >= at; i--) {
                if (i < to.length) {
                    to[i] = suffix[link];
                }
                link = prefix[link];
            }
        }

        private int code() {
            while (buffered < bits) {
                buffer = buffer << 8 | from.uint8();
                buffered += 8;
            }
            buffered -= bits;
            return buffer >>> buffered & (1 << bits) - 1;
        }
    }
}
