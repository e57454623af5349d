package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** Where an answer goes. */
enum AnswerDestination implements DescribedValue {
    CONTENT("Content", "The answer replaces the picture; the attributes tell of it, but do not hold it"),
    ATTRIBUTE("Attribute", "The content stays the picture; attributes hold the answer. They are kept in memory: for short "
            + "answers"),
    BOTH("Content and Attribute", "The answer replaces the picture, and attributes hold it too");

    private final String displayName;
    private final String description;

    AnswerDestination(final String displayName, final String description) {
        this.displayName = displayName;
        this.description = description;
    }

    /** Whether the content is replaced. */
    boolean replacesContent() {
        return this != ATTRIBUTE;
    }

    /** Whether attributes hold the answer. */
    boolean fillsAttribute() {
        return this != CONTENT;
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
