package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.LabelledPoint;
import io.qwenimage.image.RgbImage;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GroundingTest {
    private static final RgbImage PICTURE = new RgbImage(200, 100, new byte[200 * 100 * 3]);

    @Test
    void aPhraseIsFoundInPixelsOfTheOriginal() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen2_5_vl",
                "```json\n[{\"bbox_2d\": [10, 5, 50, 40], \"label\": \"red kite\"}]\n```");

        final GroundingResult result = find(model, "red kite");

        assertEquals(List.of(new LabelledBox("red kite", 20, 10, 100, 80)), result.boxes());
        assertEquals("Locate every object that matches the description \"red kite\" in the image. Report bbox "
                + "coordinates in JSON format.", model.requests.get(0).prompt());
        assertEquals(Set.of(), model.requests.get(0).markup());
    }

    @Test
    void thousandthsAreOfTheOriginal() {
        final GroundingResult result = find(new ScriptedPipeline("qwen3_vl",
                "[{\"bbox_2d\": [100, 500, 200, 1000]}, {\"point_2d\": [500, 500]}]"), "kite");

        assertEquals(List.of(new LabelledBox("kite", 20, 50, 40, 100)), result.boxes());
        assertEquals(List.of(new LabelledPoint("kite", 100, 50)), result.points());
    }

    @Test
    void severalPhrasesAreOneQuestionWhereAnswersAreLabelled() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl",
                "[{\"bbox_2d\": [100, 500, 200, 1000], \"label\": \"kite\"}, {\"bbox_2d\": [0, 0, 100, 100]}]");

        final GroundingResult result = find(model, "kite", " ", "  tower ", "kite");

        assertEquals(1, model.requests.size());
        assertTrue(model.requests.get(0).prompt().contains("categories: \"kite\", \"tower\"."),
                model.requests.get(0).prompt());
        assertEquals(List.of("kite", ""), result.boxes().stream().map(LabelledBox::label).toList());
    }

    @Test
    void qwen2IsAskedForEachPhraseAndAnswersWithTokens() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen2_vl",
                "<|object_ref_start|>the kite<|object_ref_end|><|box_start|>(100,500),(200,1000)<|box_end|>",
                "<|box_start|>(0,0),(500,500)<|box_end|>");

        final GroundingResult result = find(model, "kite", "tower");

        assertEquals(2, model.requests.size());
        assertEquals(List.of(new LabelledBox("the kite", 20, 50, 40, 100), new LabelledBox("tower", 0, 0, 100, 50)),
                result.boxes());
    }

    @Test
    void nothingFoundIsAnEmptyResultWithTheModelsWords() {
        final GroundingResult result = find(new ScriptedPipeline("qwen2_5_vl", "There is no kite."), "kite");

        assertTrue(result.isEmpty());
        assertEquals("There is no kite.", result.text());
    }

    @Test
    void theJsonHoldsSizeBoxesPointsAndTheAnswer() throws IOException {
        final ScriptedPipeline model = new ScriptedPipeline("qwen2_5_vl",
                "[{\"bbox_2d\": [10, 5, 50, 40], \"label\": \"\\\"EXIT\\\" 出\"}, {\"point_2d\": [1, 2], \"label\": \"p\"}, {");
        model.finished = false;
        final GroundingResult result = find(model, "sign");

        final JsonNode json = new ObjectMapper().readTree(result.toJson());

        assertEquals(new ObjectMapper().readTree("{\"width\": 200, \"height\": 100, \"boxes\": [{\"label\": \"\\\"EXIT\\\" "
                + "出\", \"box\": [20, 10, 100, 80]}], \"points\": [{\"label\": \"p\", \"point\": [2, 4]}], "
                + "\"finished\": false, \"text\": " + new ObjectMapper().writeValueAsString(result.text()) + "}"), json);
        assertFalse(result.finished());
    }

    @Test
    void aBoxIsDescribedInTheModelsOwnConvention() {
        final LabelledBox box = new LabelledBox("", 20, 10, 100, 80);
        for (final List<String> row : List.of(List.of("qwen2_5_vl", "[10, 5, 50, 40]"),
                List.of("qwen3_vl", "[100, 100, 500, 800]"),
                List.of("qwen2_vl", "<|box_start|>(100,100),(500,800)<|box_end|>"))) {
            final ScriptedPipeline model = new ScriptedPipeline(row.get(0), "A red kite.");

            final ChatAnswer answer = new Grounding(model).describe(PICTURE, box, 20, null, ChatObserver.NONE,
                    Cancellation.NEVER);

            assertEquals("A red kite.", answer.text());
            final ChatRequest asked = model.requests.get(0);
            assertTrue(asked.prompt().endsWith(": " + row.get(1)), asked.prompt());
            assertEquals(Set.of("<|box_start|>", "<|box_end|>"), asked.markup());
        }
    }

    @Test
    void questionsThatCannotBeAskedAreRefused() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl");

        assertTrue(assertThrows(DataException.class, () -> find(model, " ")).getMessage().contains("no phrase"));
        final String[] many = IntStream.rangeClosed(0, GroundingRequest.MAXIMUM_PHRASES).mapToObj(i -> "thing " + i)
                .toArray(String[]::new);
        assertTrue(assertThrows(DataException.class, () -> find(model, many)).getMessage().contains("257 phrases"));
        assertThrows(DataException.class, () -> new Grounding(model).describe(PICTURE,
                new LabelledBox("", 150, 10, 201, 20), 20, null, ChatObserver.NONE, Cancellation.NEVER));
        assertEquals(List.of(), model.requests);
    }

    private static GroundingResult find(final VisionLanguagePipeline model, final String... phrases) {
        return new Grounding(model).find(new GroundingRequest(PICTURE, List.of(phrases), 64, null), ChatObserver.NONE,
                Cancellation.NEVER);
    }
}
