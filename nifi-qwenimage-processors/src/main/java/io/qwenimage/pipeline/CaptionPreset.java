package io.qwenimage.pipeline;

/** Questions about pictures that are asked often. */
public enum CaptionPreset {
    /** One sentence. */
    CAPTION("Describe this image in one sentence."),
    /** Everything there is to see. */
    DENSE_CAPTION("Describe this image in detail: every object with its color, shape, size, texture and quantity, where "
            + "the objects are in relation to each other, any text, and the background."),
    /** For people who cannot see the picture. */
    ALT_TEXT("Write alternative text for this image, for people who cannot see it: one or two plain sentences of at "
            + "most 150 characters in all that say what matters in it. Do not begin with \"image of\" or \"picture "
            + "of\". Answer with the text alone."),
    /** Words to search by. */
    TAGS("List up to ten tags for this image: single words or short phrases in lower case, the most important first, "
            + "separated by commas. Answer with the list alone."),
    /** The text in the picture. */
    OCR("Please output only the text content from the image without any additional descriptions or formatting."),
    /** The text in the picture, line by line with its place. */
    OCR_WITH_BOXES("Spotting all the text in the image with line-level, and output in JSON format as [{'bbox_2d': [x1, "
            + "y1, x2, y2], 'text_content': 'text'}, ...].");

    private final String prompt;

    CaptionPreset(final String prompt) {
        this.prompt = prompt;
    }

    /** The question, in the words that the models were taught where there are such. */
    public String prompt() {
        return prompt;
    }
}
