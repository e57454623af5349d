package io.qwenimage.image;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The file formats that pictures are written in. */
public enum ImageFormat {
    /** Lossless; metadata as text chunks and XMP. */
    PNG("image/png", Integer.MAX_VALUE, "png"),
    /** Lossy; metadata as Exif and XMP, 64 KB each. */
    JPEG("image/jpeg", 65_500, "jpg", "jpeg"),
    /** Lossy, or lossless at quality 1; metadata as Exif and XMP. */
    WEBP("image/webp", 16_383, "webp");

    private final String mimeType;
    private final int maximumExtent;
    private final List<String> extensions;

    ImageFormat(final String mimeType, final int maximumExtent, final String... extensions) {
        this.mimeType = mimeType;
        this.maximumExtent = maximumExtent;
        this.extensions = List.of(extensions);
    }

    /** MIME type. */
    public String mimeType() {
        return mimeType;
    }

    /** The largest width or height that the format holds, in pixels. */
    public int maximumExtent() {
        return maximumExtent;
    }

    /** The usual end of a file's name, without the dot. */
    public String extension() {
        return extensions.getFirst();
    }

    /**
     * The format that a file's name asks for.
     *
     * @throws IllegalArgumentException if its extension is not known; the message names those that are
     */
    public static ImageFormat ofFileName(final String fileName) {
        final int dot = fileName.lastIndexOf('.');
        final String extension = dot < 0 ? "" : fileName.substring(dot + 1).toLowerCase(Locale.ROOT);
        for (final ImageFormat format : values()) {
            if (format.extensions.contains(extension)) {
                return format;
            }
        }
        final String known = Arrays.stream(values()).flatMap(format -> format.extensions.stream())
                .map(name -> "." + name).collect(Collectors.joining(", "));
        throw new IllegalArgumentException("file name " + fileName + " ends in no picture format that is written; "
                + "let it end in one of " + known);
    }
}
