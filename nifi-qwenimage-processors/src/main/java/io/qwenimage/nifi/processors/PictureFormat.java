package io.qwenimage.nifi.processors;

import io.qwenimage.image.ImageFormat;
import org.apache.nifi.components.DescribedValue;

/** The file formats of pictures. */
enum PictureFormat implements DescribedValue {
    PNG(ImageFormat.PNG, "Lossless"),
    JPEG(ImageFormat.JPEG, "Lossy; prompts beyond 64 KB are cut in its metadata"),
    WEBP(ImageFormat.WEBP, "Lossy and small, lossless at quality 100");

    private final ImageFormat format;
    private final String description;

    PictureFormat(final ImageFormat format, final String description) {
        this.format = format;
        this.description = description;
    }

    /** What the encoder calls it. */
    ImageFormat format() {
        return format;
    }

    @Override
    public String getValue() {
        return name();
    }

    @Override
    public String getDisplayName() {
        return name();
    }

    @Override
    public String getDescription() {
        return description;
    }
}
