package io.qwenimage.nifi.processors;

import org.apache.nifi.components.DescribedValue;

/** Where a prompt comes from. */
enum PromptSource implements DescribedValue {
    FLOWFILE_CONTENT("FlowFile Content", "The content is the prompt, as UTF-8 text"),
    PROMPT_PROPERTY("Prompt Property", "The property Prompt is the prompt; the content is not read"),
    PICTURES_IN_CONTENT("Prompt Property, Pictures in Content", "The property Prompt says how to change the pictures; "
            + "the content is what EncodeImage made of them");

    private final String displayName;
    private final String description;

    PromptSource(final String displayName, final String description) {
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
