package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.CaptionPreset;
import org.apache.nifi.components.DescribedValue;

/** What is asked about a picture. */
enum CaptionQuestion implements DescribedValue {
    CAPTION("Caption", "One sentence that describes the picture", CaptionPreset.CAPTION),
    DENSE_CAPTION("Dense Caption", "Everything there is to see, in detail", CaptionPreset.DENSE_CAPTION),
    ALT_TEXT("Alt Text", "One or two sentences for people who cannot see the picture", CaptionPreset.ALT_TEXT),
    TAGS("Tags", "Up to ten words to search by, separated by commas", CaptionPreset.TAGS),
    OCR("Read Text", "The text in the picture", CaptionPreset.OCR),
    OCR_WITH_BOXES("Read Text with Boxes", "The text in the picture line by line, each with its box in pixels, as JSON",
            CaptionPreset.OCR_WITH_BOXES),
    PROMPT_PROPERTY("Prompt Property", "The property Prompt is the question", null);

    private final String displayName;
    private final String description;
    private final CaptionPreset preset;

    CaptionQuestion(final String displayName, final String description, final CaptionPreset preset) {
        this.displayName = displayName;
        this.description = description;
        this.preset = preset;
    }

    /** The question that is asked often; null if it is a question of its own. */
    CaptionPreset preset() {
        return preset;
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
