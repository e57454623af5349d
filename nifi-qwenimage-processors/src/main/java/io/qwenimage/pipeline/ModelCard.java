package io.qwenimage.pipeline;

/**
 * What is known of a model before any of its weights are read.
 *
 * @param id              identifies the model in bundles and attributes: a bundle of another model is refused
 * @param displayName     for people
 * @param trained         false for the embedded stand-in, whose weights are random
 * @param sizeMultiple    widths and heights are rounded down to a multiple of this
 * @param defaultWidth    in pixels
 * @param defaultHeight   in pixels
 * @param defaultSteps    number of inference steps
 * @param defaultTrueCfgScale     guidance scale
 * @param defaultNegativePrompt   null for none
 */
public record ModelCard(String id, String displayName, boolean trained, int sizeMultiple, int defaultWidth,
        int defaultHeight, int defaultSteps, double defaultTrueCfgScale, String defaultNegativePrompt) {
}
