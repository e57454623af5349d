package io.qwenimage.pipeline;

import io.qwenimage.image.ImageSize;
import java.util.Arrays;
import java.util.List;

/** The pipelines of diffusers whose folders can be opened, and in what those differ that edit pictures. */
enum PipelineKind {
    /** Qwen-Image: pictures from text. */
    TEXT_TO_IMAGE("QwenImagePipeline", PromptTemplate.TEXT_TO_IMAGE, 0, 0, false),
    /** Qwen-Image-Edit: one picture, seen by the language model at the size at which it is edited. */
    EDIT("QwenImageEditPipeline", PromptTemplate.EDIT, 1, PipelineKind.APPEARANCE_AREA, false),
    /** Qwen-Image-Edit-2509 and 2511: up to three pictures as their model cards say, each named by its number. */
    EDIT_PLUS("QwenImageEditPlusPipeline", PromptTemplate.EDIT, 3, PipelineKind.CONDITION_AREA, true);

    /** {@code VAE_IMAGE_SIZE} of pipeline_qwenimage_edit_plus.py. */
    private static final long APPEARANCE_AREA = 1024 * 1024;
    /** {@code CONDITION_IMAGE_SIZE} there. */
    private static final long CONDITION_AREA = 384 * 384;
    private static final int SIZE_MULTIPLE = 32;

    private final String className;
    private final PromptTemplate template;
    private final int maximumPictures;
    private final long conditionArea;
    private final boolean numbered;

    PipelineKind(final String className, final PromptTemplate template, final int maximumPictures,
            final long conditionArea, final boolean numbered) {
        this.className = className;
        this.template = template;
        this.maximumPictures = maximumPictures;
        this.conditionArea = conditionArea;
        this.numbered = numbered;
    }

    /** The classes that model_index.json may name. */
    static List<String> classNames() {
        return Arrays.stream(values()).map(PipelineKind::className).toList();
    }

    /** The kind of a class of {@link #classNames()}. */
    static PipelineKind of(final String className) {
        return Arrays.stream(values()).filter(kind -> kind.className.equals(className)).findFirst().orElseThrow();
    }

    /** {@code _class_name} of model_index.json. */
    String className() {
        return className;
    }

    /** How a prompt is put before the language model. */
    PromptTemplate template() {
        return template;
    }

    /** How many pictures an edit may begin with; 0 if the pipeline edits none. */
    int maximumPictures() {
        return maximumPictures;
    }

    /** Whether the pipeline edits pictures. */
    boolean edits() {
        return maximumPictures > 0;
    }

    /** What the prompt says before a picture. */
    String label(final int picture) {
        return numbered ? "Picture " + (picture + 1) + ": " : "";
    }

    /** The size at which the autoencoder sees a picture. */
    ImageSize appearanceSize(final ImageSize picture) {
        return scaled(picture, APPEARANCE_AREA);
    }

    /** The size at which the language model's own preparation gets a picture. */
    ImageSize conditionSize(final ImageSize picture) {
        return scaled(picture, conditionArea);
    }

    /** The size of the result unless one is asked for: the first picture decides, or the last of numbered ones. */
    ImageSize outputSize(final List<ImageSize> pictures) {
        return scaled(numbered ? pictures.getLast() : pictures.getFirst(), APPEARANCE_AREA);
    }

    /** {@code calculate_dimensions} of pipeline_qwenimage_edit.py; Python rounds halves to even, as rint does. */
    private static ImageSize scaled(final ImageSize picture, final long area) {
        final double ratio = picture.width() / (double) picture.height();
        final double width = Math.sqrt(area * ratio);
        final double height = width / ratio;
        final int roundedWidth = (int) Math.rint(width / SIZE_MULTIPLE) * SIZE_MULTIPLE;
        final int roundedHeight = (int) Math.rint(height / SIZE_MULTIPLE) * SIZE_MULTIPLE;
        if (roundedWidth == 0 || roundedHeight == 0) {
            throw new DataException("a picture of " + picture + " pixels is too long for its breadth: it would be seen "
                    + "as " + roundedWidth + " x " + roundedHeight + "; crop it to an aspect ratio below 200:1");
        }
        return new ImageSize(roundedWidth, roundedHeight);
    }
}
