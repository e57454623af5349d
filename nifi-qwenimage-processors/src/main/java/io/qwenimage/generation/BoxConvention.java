package io.qwenimage.generation;

import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import java.util.Locale;

/** How a generation of the Qwen-VL family writes the coordinates of a box. */
public enum BoxConvention {
    /**
     * {@code <ref>label</ref><box>(x1,y1),(x2,y2)</box>}, both axes 0 to 999: Qwen-VL. Thousandths rounded down, as it
     * was taught, so that n thousandths of a side lie between n and n + 1; n / 999 does for every n, borders included.
     */
    REFERENCE_TAGS(999),
    /**
     * {@code <|object_ref_start|>label<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>}, both axes 0 to 1000:
     * Qwen2-VL.
     */
    BOX_TOKENS(1000),
    /** {@code {"bbox_2d": [x1, y1, x2, y2], "label": ...}} in pixels of the picture as the model saw it: Qwen2.5-VL. */
    RESIZED_PIXELS(0),
    /** {@code {"bbox_2d": [x1, y1, x2, y2], "label": ...}}, both axes 0 to 1000: Qwen3-VL. */
    THOUSANDTHS(1000);

    private final int scale;

    BoxConvention(final int scale) {
        this.scale = scale;
    }

    /**
     * How a model writes boxes of itself.
     *
     * @param modelType {@code model_type} of its config.json
     */
    public static BoxConvention ofModel(final String modelType) {
        final String type = modelType.toLowerCase(Locale.ROOT);
        if (type.startsWith("qwen2_5_vl")) {
            return RESIZED_PIXELS;
        }
        if (type.startsWith("qwen2_vl")) {
            return BOX_TOKENS;
        }
        return type.equals("qwen") ? REFERENCE_TAGS : THOUSANDTHS;
    }

    /** What a model's JSON means: Qwen2-VL, which was not taught JSON, keeps to its thousandths in it. */
    public static BoxConvention ofJson(final String modelType) {
        final BoxConvention own = ofModel(modelType);
        return own == RESIZED_PIXELS ? RESIZED_PIXELS : THOUSANDTHS;
    }

    /** Pixels of the original that one unit of the horizontal axis stands for. */
    public double horizontalUnit(final ImageSize original, final ImageSize resized) {
        return (double) original.width() / (scale == 0 ? resized.width() : scale);
    }

    /** Pixels of the original that one unit of the vertical axis stands for. */
    public double verticalUnit(final ImageSize original, final ImageSize resized) {
        return (double) original.height() / (scale == 0 ? resized.height() : scale);
    }

    /**
     * A box as this convention writes it, for a question about it.
     *
     * @param box     in pixels of the original
     * @param resized the size that the model sees
     */
    public String write(final LabelledBox box, final ImageSize original, final ImageSize resized) {
        final long x1 = Math.round(box.x1() / horizontalUnit(original, resized));
        final long y1 = Math.round(box.y1() / verticalUnit(original, resized));
        final long x2 = Math.round(box.x2() / horizontalUnit(original, resized));
        final long y2 = Math.round(box.y2() / verticalUnit(original, resized));
        return switch (this) {
            case REFERENCE_TAGS -> "<box>(" + x1 + "," + y1 + "),(" + x2 + "," + y2 + ")</box>";
            case BOX_TOKENS -> "<|box_start|>(" + x1 + "," + y1 + "),(" + x2 + "," + y2 + ")<|box_end|>";
            case RESIZED_PIXELS, THOUSANDTHS -> "[" + x1 + ", " + y1 + ", " + x2 + ", " + y2 + "]";
        };
    }
}
