package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** What pictures are encoded for. */
enum PicturePurpose implements DescribedValue {
    EDIT("Edit", "The prompt says how to change the pictures; needs a model that edits, such as Qwen-Image-Edit"),
    IMAGE_TO_IMAGE("Image to Image", "A text-to-image model paints over the one picture, as far as Strength of Denoise "
            + "says"),
    INPAINT("Inpaint", "The same within a mask: the content is an archive of the picture and the mask, in this order; "
            + "what is white in the mask is painted anew, what is black stays");

    private final String displayName;
    private final String description;

    PicturePurpose(final String displayName, final String description) {
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
