package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.TextRequest;
import java.util.LinkedHashMap;
import java.util.Map;
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

    /** A bundle with the texts in its metadata, unless they are to be nowhere. */
    Bundle record(final Bundle encoded, final TextRequest request) {
        if (this == NOWHERE) {
            return encoded;
        }
        final Map<String, String> texts = new LinkedHashMap<>();
        texts.put(BundleContent.PROMPT, request.prompt());
        if (request.negativePrompt() != null) {
            texts.put(BundleContent.NEGATIVE_PROMPT, request.negativePrompt());
        }
        return encoded.with(Map.of(), texts);
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
