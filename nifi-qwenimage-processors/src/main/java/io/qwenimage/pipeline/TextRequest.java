package io.qwenimage.pipeline;

/**
 * What to encode.
 *
 * @param prompt         what the picture shows
 * @param negativePrompt what it must not show; null for no guidance
 */
public record TextRequest(String prompt, String negativePrompt) {
}
