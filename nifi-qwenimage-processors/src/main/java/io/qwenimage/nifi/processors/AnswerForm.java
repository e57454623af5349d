package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** What an answer must be. */
enum AnswerForm implements DescribedValue {
    TEXT("Text", "Any text"),
    JSON("JSON", "JSON, which is taken out of the fences and words around it; an answer without is asked for again");

    private final String displayName;
    private final String description;

    AnswerForm(final String displayName, final String description) {
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
