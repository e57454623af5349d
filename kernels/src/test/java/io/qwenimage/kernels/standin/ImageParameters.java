package io.qwenimage.kernels.standin;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Where a cubin has the parameters of its kernels: the section {@code .nv.info.KERNEL} holds an entry
 * {@code EIATTR_KPARAM_INFO} for each (cuobjdump's option {@code -elf} shows them).
 */
final class ImageParameters {
    private static final int SECTION_TABLE = 0x28;
    private static final int SECTION_BYTES = 0x3a;
    private static final int SECTION_COUNT = 0x3c;
    private static final int NAME_SECTION = 0x3e;
    private static final int SECTION_OFFSET = 24;
    private static final int SECTION_SIZE = 32;
    /** Entries of this form carry as many bytes as their third and fourth byte say; others none. */
    private static final int FORMAT_SIZED = 4;
    private static final int ATTRIBUTE_PARAMETER = 0x17;

    private ImageParameters() {
    }

    /** Offsets from the beginning of the parameters, in order; empty where the image does not say. */
    static Optional<int[]> offsets(final byte[] cubin, final String kernel) {
        final ByteBuffer file = ByteBuffer.wrap(cubin).order(ByteOrder.LITTLE_ENDIAN);
        final int count = Short.toUnsignedInt(file.getShort(SECTION_COUNT));
        final int names = (int) file.getLong(section(file, file.getShort(NAME_SECTION)) + SECTION_OFFSET);
        for (int index = 0; index < count; index++) {
            final int section = section(file, index);
            if (name(cubin, names + file.getInt(section)).equals(".nv.info." + kernel)) {
                return offsets(file.slice((int) file.getLong(section + SECTION_OFFSET),
                        (int) file.getLong(section + SECTION_SIZE)).order(ByteOrder.LITTLE_ENDIAN));
            }
        }
        return Optional.empty();
    }

    private static Optional<int[]> offsets(final ByteBuffer entries) {
        final Map<Integer, Integer> offsets = new TreeMap<>();
        while (entries.remaining() >= Integer.BYTES) {
            final int format = entries.get();
            final int attribute = entries.get();
            final int value = Short.toUnsignedInt(entries.getShort());
            if (format == FORMAT_SIZED) {
                if (attribute == ATTRIBUTE_PARAMETER) {
                    offsets.put((int) entries.getShort(entries.position() + 4),
                            Short.toUnsignedInt(entries.getShort(entries.position() + 6)));
                }
                entries.position(entries.position() + value);
            }
        }
        return offsets.isEmpty() ? Optional.empty()
                : Optional.of(offsets.values().stream().mapToInt(Integer::intValue).toArray());
    }

    private static int section(final ByteBuffer file, final int index) {
        return (int) file.getLong(SECTION_TABLE) + index * file.getShort(SECTION_BYTES);
    }

    private static String name(final byte[] file, final int from) {
        int to = from;
        while (file[to] != 0) {
            to++;
        }
        return new String(file, from, to - from, StandardCharsets.US_ASCII);
    }
}
