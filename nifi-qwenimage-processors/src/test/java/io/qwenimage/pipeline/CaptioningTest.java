package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.RgbImage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CaptioningTest {
    private static final RgbImage PICTURE = new RgbImage(200, 100, new byte[200 * 100 * 3]);
    private static final String SCHEMA = "{\"type\": \"object\", \"required\": [\"colour\"], \"properties\": {\"colour\": "
            + "{\"enum\": [\"red\", \"blue\"]}}}";
    private final List<String> heard = new ArrayList<>();

    @Test
    void textIsAnsweredAsItComes() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen2_5_vl", "A red kite.");

        final CaptionResult result = new Captioning(model).ask(CaptionRequest.text(List.of(PICTURE),
                CaptionPreset.CAPTION.prompt(), 64, null), listening(), Cancellation.NEVER);

        assertEquals("A red kite.", result.content());
        assertNull(result.json());
        assertEquals(List.of("A red kite."), heard);
        assertEquals(CaptionPreset.CAPTION.prompt(), model.requests.get(0).prompt());
    }

    @Test
    void textWithPlacesHasBoxesInPixelsOfTheOriginal() {
        final String answer = "[{'bbox_2d': [10, 5, 50, 40], 'text_content': 'EXIT'}]";

        assertEquals(List.of(new LabelledBox("EXIT", 20, 10, 100, 80)), new Captioning(new ScriptedPipeline("qwen2_5_vl",
                answer)).ask(CaptionRequest.text(List.of(PICTURE), CaptionPreset.OCR_WITH_BOXES.prompt(), 64, null),
                listening(), Cancellation.NEVER).boxes());
        assertEquals(List.of(), new Captioning(new ScriptedPipeline("qwen2_5_vl", answer)).ask(CaptionRequest.text(
                List.of(PICTURE, PICTURE), "?", 64, null), listening(), Cancellation.NEVER).boxes());
    }

    @Test
    void anAnswerThatDoesNotFitIsAskedForAgainWithAWordOnWhatWasWrong() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl", "It is red.", "{\"colour\": \"green\"}",
                "Sure:\n```json\n{\"colour\": \"red\",}\n```");

        final CaptionResult result = ask(model, SCHEMA, null, 2);

        assertEquals("{\"colour\":\"red\"}", result.content());
        assertEquals(3, result.attempts());
        assertEquals(List.of("{\"colour\":\"red\"}"), heard);
        assertEquals("Which colour?", model.requests.get(0).prompt());
        assertTrue(model.requests.get(1).prompt().contains("there is no JSON in it, it reads: It is red."),
                model.requests.get(1).prompt());
        assertTrue(model.requests.get(2).prompt().contains("/colour"), model.requests.get(2).prompt());
        assertNull(model.requests.get(1).sampling());
        assertTrue(model.requests.get(2).sampling().doSample(), "the same words would get the same answer");
    }

    @Test
    void drawnAnswersGetANewSeedEachTime() {
        final SamplingSettings sampling = new SamplingSettings(true, 0.7, 20, 0.8, 1, 41);
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl", "no", "no", "[]");

        ask(model, "{}", sampling, 5);

        assertEquals(List.of(41L, 42L, 43L), model.requests.stream().map(asked -> asked.sampling().seed()).toList());
    }

    @Test
    void anAnswerThatNeverFitsIsRefusedWithItsLastFault() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl", "one", "two", "three");
        model.finished = false;

        final String message = assertThrows(DataException.class, () -> ask(model, SCHEMA, null, 2)).getMessage();

        assertTrue(message.contains("there is no JSON in it, it reads: three"), message);
        assertTrue(message.contains("attempt 3 of 3") && message.contains("cut off after 64 tokens"), message);
        assertEquals(List.of(), heard);
    }

    @Test
    void schemasThatAreNoneAreRefusedBeforeAnyWork() {
        final ScriptedPipeline model = new ScriptedPipeline("qwen3_vl");
        for (final String schema : List.of("{", "[]", "{\"type\": \"colour\"}", "{\"required\": 3}")) {
            final String message = assertThrows(DataException.class, () -> ask(model, schema, null, 2), schema)
                    .getMessage();
            assertTrue(message.startsWith("the JSON schema"), message);
        }
        assertThrows(DataException.class, () -> ask(model, SCHEMA, null, -1));
        assertEquals(List.of(), model.requests);
    }

    @Test
    void everyPresetAsksSomethingElse() {
        assertEquals(CaptionPreset.values().length, List.of(CaptionPreset.values()).stream().map(CaptionPreset::prompt)
                .filter(prompt -> !prompt.isBlank()).distinct().count());
    }

    private CaptionResult ask(final VisionLanguagePipeline model, final String schema, final SamplingSettings sampling,
            final int retries) {
        return new Captioning(model).ask(new CaptionRequest(List.of(PICTURE), "Which colour?", 64, sampling, List.of(),
                true, schema, retries), listening(), Cancellation.NEVER);
    }

    private ChatObserver listening() {
        return new ChatObserver() {
            @Override
            public void onText(final String piece) {
                heard.add(piece);
            }
        };
    }
}
