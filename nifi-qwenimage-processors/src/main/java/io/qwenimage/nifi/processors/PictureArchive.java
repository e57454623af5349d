package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.DataException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * The files of a TAR or ZIP archive in memory, as MergeContent packs them. Folders, links and hidden files are passed
 * over; nothing is unpacked beyond the limits.
 *
 * @param maximumBytes of all files together
 * @param maximumFiles how many
 */
record PictureArchive(long maximumBytes, int maximumFiles) {
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    private static final byte[] EMPTY_ZIP = {'P', 'K', 5, 6};
    private static final byte[] USTAR = "ustar".getBytes(StandardCharsets.US_ASCII);
    /** Places in a TAR header; see the pax interchange format of POSIX. */
    private static final int BLOCK = 512;
    private static final int NAME_LENGTH = 100;
    private static final int SIZE = 124;
    private static final int SIZE_LENGTH = 12;
    private static final int TYPE = 156;
    private static final int MAGIC = 257;
    private static final int OCTAL_BITS = 3;

    /**
     * A file.
     *
     * @param name without its folders
     */
    record Entry(String name, byte[] content) {
    }

    /** Whether some content is an archive that is read. */
    static boolean isArchive(final byte[] content) {
        return startsWith(content, 0, ZIP) || startsWith(content, 0, EMPTY_ZIP) || startsWith(content, MAGIC, USTAR);
    }

    /**
     * Unpacks.
     *
     * @throws DataException if the archive is damaged or holds no file, too many or too large ones
     */
    List<Entry> unpack(final byte[] content) {
        final List<Entry> entries;
        if (startsWith(content, MAGIC, USTAR)) {
            entries = untar(content);
        } else {
            try {
                entries = unzip(content);
            } catch (final IOException | IllegalArgumentException e) {
                throw new DataException("the ZIP archive is damaged: " + e.getMessage() + "; pack it anew", e);
            }
        }
        if (entries.isEmpty()) {
            throw new DataException("the archive holds no file; pack pictures into it");
        }
        return entries;
    }

    private List<Entry> unzip(final byte[] content) throws IOException {
        final List<Entry> entries = new ArrayList<>();
        long left = maximumBytes;
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(content))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                if (entry.isDirectory() || isHidden(entry.getName())) {
                    continue;
                }
                final byte[] file = zip.readNBytes((int) Math.min(left, Integer.MAX_VALUE - 1) + 1);
                left -= file.length;
                add(entries, entry.getName(), file, left);
            }
        }
        return entries;
    }

    private List<Entry> untar(final byte[] content) {
        final List<Entry> entries = new ArrayList<>();
        long left = maximumBytes;
        int place = 0;
        while (place + BLOCK <= content.length && content[place] != 0) {
            final long size = tarSize(content, place);
            final int start = place + BLOCK;
            if (!startsWith(content, place + MAGIC, USTAR) || size < 0 || size > content.length - start) {
                throw new DataException("the TAR archive is damaged or cut off at byte " + place + "; pack it anew");
            }
            final String name = text(content, place, NAME_LENGTH);
            final boolean regular = content[place + TYPE] == '0' || content[place + TYPE] == 0;
            if (regular && !isHidden(name)) {
                left -= size;
                add(entries, name, Arrays.copyOfRange(content, start, start + (int) size), left);
            }
            final long next = start + (size + BLOCK - 1) / BLOCK * BLOCK;
            place = (int) Math.min(next, content.length);
        }
        return entries;
    }

    private void add(final List<Entry> entries, final String path, final byte[] file, final long left) {
        if (left < 0) {
            throw new DataException("the archive's files have more than " + maximumBytes
                    + " bytes together; pack fewer or smaller pictures, or raise Maximum Content Size");
        }
        if (entries.size() == maximumFiles) {
            throw new DataException("the archive holds more than " + maximumFiles + " files; pack fewer pictures");
        }
        entries.add(new Entry(path.substring(path.lastIndexOf('/') + 1), file));
    }

    /** Such as what macOS packs beside the files. */
    private static boolean isHidden(final String path) {
        return path.startsWith("__MACOSX/") || path.substring(path.lastIndexOf('/') + 1).startsWith(".");
    }

    /** Octal digits; -1 if they are none, or so many that no memory would hold the file. */
    private static long tarSize(final byte[] content, final int header) {
        final String digits = text(content, header + SIZE, SIZE_LENGTH).strip();
        return digits.matches("[0-7]{1,11}") ? Long.parseLong(digits, 1 << OCTAL_BITS) : -1;
    }

    private static String text(final byte[] content, final int from, final int length) {
        int end = from;
        while (end < from + length && content[end] != 0) {
            end++;
        }
        return new String(content, from, end - from, StandardCharsets.UTF_8);
    }

    private static boolean startsWith(final byte[] content, final int from, final byte[] expected) {
        return content.length >= from + expected.length
                && Arrays.equals(content, from, from + expected.length, expected, 0, expected.length);
    }
}
