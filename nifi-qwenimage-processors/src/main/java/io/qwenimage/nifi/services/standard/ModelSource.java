package io.qwenimage.nifi.services.standard;

import org.apache.nifi.components.DescribedValue;

/** Where a model comes from. */
public enum ModelSource implements DescribedValue {
    EMBEDDED_DEMO("Embedded Demo", "A very small model that comes with the processors: needs no download and shows "
            + "that a flow works"),
    FOLDER("Folder", "A folder in the layout that Hugging Face publishes; Model Folder names it");

    private final String displayName;
    private final String description;

    ModelSource(final String displayName, final String description) {
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
