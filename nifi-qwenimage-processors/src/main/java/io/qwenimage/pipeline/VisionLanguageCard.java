package io.qwenimage.pipeline;

/**
 * What is known of a vision-language model before its weights are read.
 *
 * @param displayName for people
 * @param modelType   {@code model_type} of its config: the family's generation, which decides how it writes boxes
 * @param trained     false for the embedded stand-in, whose weights are random
 */
public record VisionLanguageCard(String displayName, String modelType, boolean trained) {
}
