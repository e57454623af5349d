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
 * @param maximumPictures how many pictures an edit may begin with; 0 for a model that makes pictures from text alone
 */
public record ModelCard(String id, String displayName, boolean trained, int sizeMultiple, int defaultWidth,
        int defaultHeight, int defaultSteps, double defaultTrueCfgScale, String defaultNegativePrompt,
        int maximumPictures) {
    /** A model that makes pictures from text alone. */
    public ModelCard(final String id, final String displayName, final boolean trained, final int sizeMultiple,
            final int defaultWidth, final int defaultHeight, final int defaultSteps, final double defaultTrueCfgScale,
            final String defaultNegativePrompt) {
        this(id, displayName, trained, sizeMultiple, defaultWidth, defaultHeight, defaultSteps, defaultTrueCfgScale,
                defaultNegativePrompt, 0);
    }

    /** Whether the model edits pictures and cannot do without one. */
    public boolean edits() {
        return maximumPictures > 0;
    }
}
