package io.qwenimage.image;

import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A picture as a file stores it, before it is turned upright.
 *
 * @param image the pixels
 * @param exif  the Exif block, with or without its header; null if there is none
 * @param xmp   the XMP packet; null if there is none
 */
record DecodedPicture(RgbImage image, byte[] exif, byte[] xmp) {
    private static final int ORIENTATION = 0x0112;
    private static final int ENTRY_BYTES = 12;
    private static final int UPRIGHT = 1;
    private static final int TRANSPOSED_FROM = 5;
    private static final int LAST_ORIENTATION = 8;
    private static final Pattern XMP_ORIENTATION = Pattern.compile("tiff:Orientation(?:=\"|>)([0-9])");

    /** The picture turned and mirrored as its orientation asks, as {@code ImageOps.exif_transpose} of Pillow does. */
    RgbImage upright() {
        int orientation = exif == null ? 0 : exifOrientation();
        if (orientation == 0 && xmp != null) {
            orientation = xmpOrientation();
        }
        return orientation <= UPRIGHT || orientation > LAST_ORIENTATION ? image : turned(orientation);
    }

    /** The tag's value in the first directory, or 0 if there is none that can be read. */
    private int exifOrientation() {
        ByteCursor cursor = new ByteCursor("Exif", exif);
        try {
            while (cursor.startsWith("Exif\0\0")) {
                cursor = new ByteCursor("Exif", cursor.skip(6).copy(cursor.remaining()));
            }
            final boolean little = cursor.startsWith("II");
            if (!little && !cursor.startsWith("MM")) {
                return 0;
            }
            cursor.at(4).at(uint32(cursor, little));
            int orientation = 0;
            for (int entries = uint16(cursor, little); entries > 0; entries--) {
                final ByteCursor entry = cursor.slice(ENTRY_BYTES);
                if (uint16(entry, little) == ORIENTATION) {
                    orientation = value(entry, little);
                }
            }
            return orientation;
        } catch (ImageException damaged) {
            // A damaged block says nothing about pixels that are whole.
            return 0;
        }
    }

    private static int value(final ByteCursor entry, final boolean little) {
        final int type = uint16(entry, little);
        final long count = uint32(entry, little);
        if (count != 1) {
            return 0;
        }
        return switch (type) {
            case 1, 6 -> entry.uint8();
            case 3, 8 -> uint16(entry, little);
            case 4, 9, 13 -> (int) Math.min(LAST_ORIENTATION + 1, uint32(entry, little));
            default -> 0;
        };
    }

    private int xmpOrientation() {
        final Matcher matcher = XMP_ORIENTATION.matcher(new String(xmp, StandardCharsets.ISO_8859_1));
        return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
    }

    /** Orientations 2 to 8 of the TIFF specification: what the first row and column of the file are to the eye. */
    private RgbImage turned(final int orientation) {
        final int width = orientation < TRANSPOSED_FROM ? image.width() : image.height();
        final int height = orientation < TRANSPOSED_FROM ? image.height() : image.width();
        final byte[] from = image.rgb();
        final byte[] to = new byte[from.length];
        int at = 0;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                final int right = image.width() - 1;
                final int bottom = image.height() - 1;
                final int source = 3 * switch (orientation) {
                    case 2 -> y * image.width() + right - x;
                    case 3 -> (bottom - y) * image.width() + right - x;
                    case 4 -> (bottom - y) * image.width() + x;
                    case 5 -> x * image.width() + y;
                    case 6 -> (bottom - x) * image.width() + y;
                    case 7 -> (bottom - x) * image.width() + right - y;
                    default -> x * image.width() + right - y;
                };
                to[at++] = from[source];
                to[at++] = from[source + 1];
                to[at++] = from[source + 2];
            }
        }
        return new RgbImage(width, height, to);
    }

    private static int uint16(final ByteCursor cursor, final boolean little) {
        return little ? cursor.uint16LittleEndian() : cursor.uint16BigEndian();
    }

    private static long uint32(final ByteCursor cursor, final boolean little) {
        return little ? cursor.uint32LittleEndian() : cursor.uint32BigEndian();
    }
}
