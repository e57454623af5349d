package io.qwenimage.generation;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.DoubleStream;

/** Boxes and points in JSON, as Qwen2.5-VL and Qwen3-VL write them, and in the variations that models make of it. */
final class JsonBoxes {
    private static final int CORNERS = 4;
    private static final List<String> BOX_KEYS = List.of("bbox_2d", "bbox", "box_2d", "box", "bounding_box",
            "boundingBox", "bbox2d");
    private static final List<String> POINT_KEYS = List.of("point_2d", "point", "points");
    private static final List<String> LABEL_KEYS = List.of("label", "text_content", "text", "name", "class", "category",
            "object", "phrase", "ref", "description");
    /** Names of lists, which say nothing of what is in them. */
    private static final List<String> LIST_KEYS = List.of("objects", "detections", "results", "boxes", "bboxes", "items",
            "annotations", "instances");
    private static final List<List<String>> NAMED_CORNERS = List.of(List.of("x1", "y1", "x2", "y2"),
            List.of("xmin", "ymin", "xmax", "ymax"), List.of("x_min", "y_min", "x_max", "y_max"),
            List.of("left", "top", "right", "bottom"));

    private final LenientJson json;
    private final Set<BoxAnswer.Area> areas = new LinkedHashSet<>();

    private JsonBoxes(final LenientJson json) {
        this.json = json;
    }

    static List<BoxAnswer.Area> read(final String text) {
        final JsonBoxes boxes = new JsonBoxes(LenientJson.read(text));
        boxes.json.found().forEach(found -> boxes.visit("", found.value()));
        return List.copyOf(boxes.areas);
    }

    private void visit(final String name, final JsonNode node) {
        if (node.isObject()) {
            visitObject(name, node);
        } else if (node.isArray()) {
            if (isNumbers(node)) {
                if (node.size() == CORNERS) {
                    addBoxes(name, node);
                }
            } else {
                node.forEach(child -> visit(name, child));
            }
        }
    }

    private void visitObject(final String name, final JsonNode object) {
        final String label = label(object, name);
        boolean named = addCorners(label, object);
        for (final Map.Entry<String, JsonNode> field : object.properties()) {
            if (BOX_KEYS.contains(field.getKey())) {
                named = true;
                addBoxes(label, field.getValue());
            } else if (POINT_KEYS.contains(field.getKey())) {
                named = true;
                addPoints(label, field.getValue());
            }
        }
        for (final Map.Entry<String, JsonNode> field : object.properties()) {
            final JsonNode value = field.getValue();
            final boolean known = BOX_KEYS.contains(field.getKey()) || POINT_KEYS.contains(field.getKey());
            // Beside a box other numbers mean something else; {"cat": [x1, y1, x2, y2]} is a box with its label.
            if (!known && !(named && isNumbers(value))) {
                visit(LIST_KEYS.contains(field.getKey()) ? label : field.getKey(), value);
            }
        }
    }

    private void addBoxes(final String label, final JsonNode value) {
        if (value.isObject()) {
            addCorners(label, value);
            return;
        }
        final double[] numbers = numbers(value);
        for (int i = 0; numbers.length % CORNERS == 0 && i < numbers.length; i += CORNERS) {
            areas.add(BoxAnswer.Area.box(label, numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]));
        }
        if (numbers.length == 2) {
            areas.add(BoxAnswer.Area.point(label, numbers[0], numbers[1]));
        }
    }

    private void addPoints(final String label, final JsonNode value) {
        final double[] numbers = value.isObject() ? new double[0] : numbers(value);
        for (int i = 0; numbers.length % 2 == 0 && i < numbers.length; i += 2) {
            areas.add(BoxAnswer.Area.point(label, numbers[i], numbers[i + 1]));
        }
    }

    private boolean addCorners(final String label, final JsonNode object) {
        for (final List<String> names : NAMED_CORNERS) {
            if (names.stream().allMatch(object::has)) {
                final double[] numbers = names.stream().map(object::get).map(JsonBoxes::scalar)
                        .flatMapToDouble(DoubleStream::of).toArray();
                if (numbers.length == CORNERS) {
                    areas.add(BoxAnswer.Area.box(label, numbers[0], numbers[1], numbers[2], numbers[3]));
                }
                return true;
            }
        }
        return false;
    }

    /** The numbers of a list, of a list of lists, or of a string; none of what breaks off in the middle. */
    private double[] numbers(final JsonNode value) {
        if (!value.isArray()) {
            return value.isTextual() ? TaggedBoxes.numbers(value.textValue()) : new double[0];
        }
        if (json.isCut(value) && !holdsWholeBoxes(value)) {
            return new double[0];
        }
        final DoubleStream.Builder numbers = DoubleStream.builder();
        for (final JsonNode child : value) {
            final double[] inner = child.isArray() ? json.isCut(child) ? new double[0] : numbers(child) : scalar(child);
            if (inner.length == 0 && !child.isArray()) {
                return new double[0];
            }
            DoubleStream.of(inner).forEach(numbers);
        }
        return numbers.build().toArray();
    }

    private boolean holdsWholeBoxes(final JsonNode value) {
        for (final JsonNode child : value) {
            if (!child.isArray() || !json.isCut(child) && child.size() != CORNERS) {
                return false;
            }
        }
        return true;
    }

    private static String label(final JsonNode object, final String otherwise) {
        for (final String key : LABEL_KEYS) {
            if (object.path(key).isValueNode() && !object.path(key).isNull()) {
                return object.get(key).asText().strip();
            }
        }
        return otherwise;
    }

    private static boolean isNumbers(final JsonNode node) {
        if (!node.isArray() || node.isEmpty()) {
            return false;
        }
        for (final JsonNode child : node) {
            if (scalar(child).length != 1) {
                return false;
            }
        }
        return true;
    }

    /** One number, or none. */
    private static double[] scalar(final JsonNode node) {
        if (node.isNumber()) {
            return Double.isFinite(node.doubleValue()) ? new double[] {node.doubleValue()} : new double[0];
        }
        return node.isTextual() ? TaggedBoxes.number(node.textValue().strip()) : new double[0];
    }
}
