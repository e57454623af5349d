package io.qwenimage.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Answers as the family's models give them; see goldens-vision/box-answers.json. */
class BoxGoldenTest {
    private static final Path ANSWERS = Path.of("src/test/resources/goldens-vision/box-answers.json");
    private static final Map<String, BoxConvention> CONVENTIONS = Map.of("ref-box-999", BoxConvention.REFERENCE_TAGS,
            "box-tokens-1000", BoxConvention.BOX_TOKENS, "bbox_2d-resized-pixels", BoxConvention.RESIZED_PIXELS,
            "bbox_2d-1000", BoxConvention.THOUSANDTHS);

    @Test
    void answersAreReadAsTheyAreMeant() throws IOException {
        int boxes = 0;
        for (final JsonNode example : new ObjectMapper().readTree(ANSWERS.toFile())) {
            final BoxConvention convention = CONVENTIONS.get(example.get("convention").asText());
            final List<BoxAnswer.Area> expected = new ArrayList<>();
            for (final JsonNode box : example.path("boxes")) {
                final JsonNode corners = box.get("box");
                expected.add(BoxAnswer.Area.box(label(box), corners.get(0).asDouble(), corners.get(1).asDouble(),
                        corners.get(2).asDouble(), corners.get(3).asDouble()));
            }
            for (final JsonNode point : example.path("points")) {
                expected.add(BoxAnswer.Area.point(label(point), point.get("point").get(0).asDouble(),
                        point.get("point").get(1).asDouble()));
            }
            for (final String text : texts(example)) {
                final BoxAnswer answer = BoxAnswer.read(text, model(convention));
                assertEquals(expected, answer.areas(), text);
                if (!expected.isEmpty()) {
                    assertEquals(convention, answer.convention(), text);
                }
            }
            boxes += expected.size();
        }
        assertTrue(boxes > 15, "only " + boxes + " boxes");
    }

    private static List<String> texts(final JsonNode example) {
        final List<String> texts = new ArrayList<>();
        if (example.has("answer")) {
            texts.add(example.get("answer").asText());
        }
        example.path("answers").forEach(text -> texts.add(text.asText()));
        return texts;
    }

    private static String label(final JsonNode node) {
        return node.path("label").isNull() ? "" : node.get("label").asText();
    }

    private static String model(final BoxConvention convention) {
        if (convention == BoxConvention.RESIZED_PIXELS) {
            return "qwen2_5_vl";
        }
        return convention == BoxConvention.BOX_TOKENS ? "qwen2_vl" : "qwen3_vl";
    }
}
