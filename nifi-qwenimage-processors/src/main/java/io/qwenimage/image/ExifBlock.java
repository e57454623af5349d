package io.qwenimage.image;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Metadata as an Exif block (a TIFF header and two directories, big endian): the software, and everything else as the
 * user's comment, where programs for generated pictures look for it in JPEG and WebP files.
 */
final class ExifBlock {
    private static final int SOFTWARE = 0x0131;
    private static final int EXIF_DIRECTORY = 0x8769;
    private static final int USER_COMMENT = 0x9286;
    private static final int ASCII = 2;
    private static final int LONG = 4;
    private static final int UNDEFINED = 7;
    private static final int HEADER_BYTES = 8;
    private static final int DIRECTORY_OVERHEAD = 6;
    private static final int ENTRY_BYTES = 12;
    private static final byte[] UNICODE = "UNICODE\0".getBytes(StandardCharsets.US_ASCII);

    private ExifBlock() {
    }

    /** The block, its texts cut so that it has at most so many bytes; null if there is nothing to say. */
    static byte[] write(final ImageMetadata metadata, final int maximumBytes) {
        byte[] block = write(metadata);
        int characters = metadata.longestText();
        while (block != null && block.length > maximumBytes && characters > 0) {
            characters = characters * 3 / 4;
            block = write(metadata.cut(characters));
        }
        return block;
    }

    private static byte[] write(final ImageMetadata metadata) {
        final String comment = metadata.parameters();
        if (comment.isEmpty() && metadata.software() == null) {
            return null;
        }
        final byte[] software = metadata.software() == null ? new byte[0]
                : (metadata.software() + "\0").getBytes(StandardCharsets.US_ASCII);
        final byte[] text = comment.getBytes(StandardCharsets.UTF_16BE);
        final int mainEntries = software.length == 0 ? 1 : 2;
        final int softwareAt = HEADER_BYTES + DIRECTORY_OVERHEAD + mainEntries * ENTRY_BYTES;
        // Values begin at even offsets.
        final int exifAt = softwareAt + (software.length + 1 & ~1);
        final int commentAt = exifAt + DIRECTORY_OVERHEAD + ENTRY_BYTES;
        final ByteBuffer block = ByteBuffer.allocate(commentAt + UNICODE.length + text.length);
        block.put((byte) 'M').put((byte) 'M').putShort((short) 42).putInt(HEADER_BYTES);
        block.putShort((short) mainEntries);
        if (software.length > 0) {
            entry(block, SOFTWARE, ASCII, software.length, softwareAt, software);
        }
        entry(block, EXIF_DIRECTORY, LONG, 1, exifAt, null);
        block.putInt(0).put(software).position(exifAt);
        block.putShort((short) 1);
        entry(block, USER_COMMENT, UNDEFINED, UNICODE.length + text.length, commentAt, null);
        block.putInt(0).put(UNICODE).put(text);
        return block.array();
    }

    /** A directory entry; a value of up to four bytes stands in place of its offset. */
    private static void entry(final ByteBuffer block, final int tag, final int type, final int count,
            final int offset, final byte[] value) {
        block.putShort((short) tag).putShort((short) type).putInt(count);
        if (value != null && value.length <= Integer.BYTES) {
            block.put(value).position(block.position() + Integer.BYTES - value.length);
        } else {
            block.putInt(offset);
        }
    }
}
