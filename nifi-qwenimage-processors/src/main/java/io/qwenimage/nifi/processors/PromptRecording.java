package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** Where the text of the prompts is kept once they are encoded. */
enum PromptRecording implements DescribedValue {
    NOWHERE("Nowhere", "Prompts are secret: neither the bundle nor an attribute holds their text, and no picture can"),
    BUNDLE("Bundle", "The bundle's metadata holds the text, so that DecodeVAE can write it into the picture"),
    BUNDLE_AND_ATTRIBUTES("Bundle and Attributes", "The bundle's metadata and the attributes qwenimage.prompt and "
            + "qwenimage.negative.prompt hold the text; attributes appear in provenance and are kept in memory");

    private final String displayName;
    private final String description;

    PromptRecording(final String displayName, final String description) {
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
