package io.qwenimage.pipeline;

import io.qwenimage.image.LabelledBox;
import java.util.List;

/**
 * An answer that will do.
 *
 * @param answer   the last, which is the good one
 * @param json     the JSON in it, well-formed and on one line; null if none was asked for
 * @param boxes    the boxes that the answer names, in pixels of the original; none if several pictures were shown
 * @param attempts how often the question was asked
 */
public record CaptionResult(ChatAnswer answer, String json, List<LabelledBox> boxes, int attempts) {
    public CaptionResult {
        boxes = List.copyOf(boxes);
    }

    /** The JSON where such was asked for, the text else. */
    public String content() {
        return json == null ? answer.text() : json;
    }
}
