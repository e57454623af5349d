package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** The file formats of pictures. */
enum PictureFormat implements DescribedValue {
    PNG("PNG", "Lossless"),
    JPEG("JPEG", "Lossy and small");

    private final String displayName;
    private final String description;

    PictureFormat(final String displayName, final String description) {
        this.displayName = displayName;
        this.description = description;
    }

    @Override
    public String getValue() {
        return name();
    }

    @Override
    public String getDisplayName() {
        return displayName;
    }

    @Override
    public String getDescription() {
        return description;
    }
}
