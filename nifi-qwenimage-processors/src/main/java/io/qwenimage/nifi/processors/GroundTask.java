package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** Which way between words and boxes. */
enum GroundTask implements DescribedValue {
    FIND("Find Phrases", "Words in, boxes out: where in the picture is what Phrases names"),
    DESCRIBE("Describe Boxes", "Boxes in, words out: what is in each of Boxes");

    private final String displayName;
    private final String description;

    GroundTask(final String displayName, final String description) {
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
