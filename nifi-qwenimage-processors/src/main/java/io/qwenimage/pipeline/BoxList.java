package io.qwenimage.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.qwenimage.image.LabelledBox;
import java.util.ArrayList;
import java.util.List;

/** Boxes as JSON in the form that {@link GroundingResult} writes. */
public final class BoxList {
    /** Most boxes in a list. */
    public static final int MAXIMUM_BOXES = 256;

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    private static final int CORNERS = 4;
    private static final String FORM = "; give boxes such as [{\"label\": \"kite\", \"box\": [x1, y1, x2, y2]}] in whole "
            + "pixels";

    private BoxList() {
    }

    /**
     * Reads a list: an array of objects with {@code box} and perhaps {@code label}, an array of four numbers each, or an
     * object whose {@code boxes} are such an array.
     *
     * @return at least one
     * @throws DataException if it is no such list or empty, naming what offends
     */
    public static List<LabelledBox> read(final String json) {
        final JsonNode root;
        try {
            root = MAPPER.readTree(json);
        } catch (JsonProcessingException e) {
            throw new DataException("the boxes are not JSON: " + e.getOriginalMessage() + FORM, e);
        }
        final JsonNode list = root.isObject() ? root.path("boxes") : root;
        if (!list.isArray() || list.isEmpty() || list.size() > MAXIMUM_BOXES) {
            throw new DataException("the boxes are no list of 1 to " + MAXIMUM_BOXES + " boxes" + FORM);
        }
        final List<LabelledBox> boxes = new ArrayList<>();
        list.forEach(box -> boxes.add(box(box)));
        return boxes;
    }

    /**
     * Writes a list with what is in each box: {@code [{"label", "box": [x1, y1, x2, y2], "description"}]}.
     *
     * @param descriptions as many as boxes
     */
    public static String describe(final List<LabelledBox> boxes, final List<String> descriptions) {
        final ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (int i = 0; i < boxes.size(); i++) {
            final LabelledBox box = boxes.get(i);
            array.addObject().put("label", box.label()).put("description", descriptions.get(i)).putArray("box")
                    .add(box.x1()).add(box.y1()).add(box.x2()).add(box.y2());
        }
        return array.toString();
    }

    private static LabelledBox box(final JsonNode node) {
        final JsonNode corners = node.isObject() ? node.path("box") : node;
        final int[] values = new int[CORNERS];
        for (int i = 0; i < CORNERS; i++) {
            if (corners.size() != CORNERS || !corners.path(i).canConvertToInt()) {
                throw new DataException("a box reads " + node + FORM);
            }
            values[i] = corners.path(i).intValue();
        }
        try {
            return new LabelledBox(node.path("label").asText(""), values[0], values[1], values[2], values[3]);
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }
}
