package io.qwenimage.pipeline;

/**
 * What to encode.
 *
 * @param prompt            what the picture shows
 * @param negativePrompt    what it must not show; null for no guidance
 * @param maxSequenceLength how many tokens of each prompt are kept at most, from 1 to {@value #MAXIMUM_TOKENS}; the
 *                          call of diffusers keeps 512 unless told otherwise
 */
public record TextRequest(String prompt, String negativePrompt, int maxSequenceLength) {
    /** What the models were made for, {@code tokenizer_max_length} of the reference. */
    public static final int MAXIMUM_TOKENS = 1024;

    /** Keeps as many tokens as the models were made for. */
    public TextRequest(final String prompt, final String negativePrompt) {
        this(prompt, negativePrompt, MAXIMUM_TOKENS);
    }
}
