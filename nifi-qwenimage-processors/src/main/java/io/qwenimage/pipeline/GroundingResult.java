package io.qwenimage.pipeline;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.LabelledPoint;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What was found in a picture.
 *
 * @param size    of the original picture, to which boxes and points refer
 * @param boxes   in pixels of the original
 * @param points  in pixels of the original; models answer so only if they are asked for points
 * @param answers what the model said, one answer for each question that it took
 */
public record GroundingResult(ImageSize size, List<LabelledBox> boxes, List<LabelledPoint> points,
        List<ChatAnswer> answers) {
    public GroundingResult {
        boxes = List.copyOf(boxes);
        points = List.copyOf(points);
        answers = List.copyOf(answers);
    }

    /** Whether nothing was found. */
    public boolean isEmpty() {
        return boxes.isEmpty() && points.isEmpty();
    }

    /** What the model said, with the special tokens that mark boxes. */
    public String text() {
        return answers.stream().map(ChatAnswer::markedText).collect(Collectors.joining("\n"));
    }

    /** Whether every answer came to its end; if not, there may be more to find: allow more tokens. */
    public boolean finished() {
        return answers.stream().allMatch(ChatAnswer::finished);
    }

    /**
     * The result as JSON:
     * {@code {"width", "height", "boxes": [{"label", "box": [x1, y1, x2, y2]}], "points": [{"label", "point": [x, y]}],
     * "finished", "text"}}, coordinates in pixels of the original.
     */
    public String toJson() {
        final ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("width", size.width()).put("height", size.height());
        json.set("boxes", boxes(boxes));
        json.set("points", points(points));
        json.put("finished", finished()).put("text", text());
        return json.toString();
    }

    /** Boxes as an array of {@code {"label", "box": [x1, y1, x2, y2]}}. */
    public static String boxesToJson(final List<LabelledBox> boxes) {
        return boxes(boxes).toString();
    }

    private static ArrayNode boxes(final List<LabelledBox> boxes) {
        final ArrayNode array = JsonNodeFactory.instance.arrayNode();
        boxes.forEach(box -> array.addObject().put("label", box.label()).putArray("box").add(box.x1()).add(box.y1())
                .add(box.x2()).add(box.y2()));
        return array;
    }

    private static ArrayNode points(final List<LabelledPoint> points) {
        final ArrayNode array = JsonNodeFactory.instance.arrayNode();
        points.forEach(point -> array.addObject().put("label", point.label()).putArray("point").add(point.x())
                .add(point.y()));
        return array;
    }
}
