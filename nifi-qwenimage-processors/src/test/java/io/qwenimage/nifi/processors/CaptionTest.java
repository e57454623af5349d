package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.CaptionPreset;
import io.qwenimage.pipeline.ChatRequest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class CaptionTest {
    private static final byte[] PICTURE = Pictures.png(48, 32, 9);

    private final VisionRunner vision = new VisionRunner(new Caption());
    private final TestRunner runner = vision.runner;

    @Test
    void testRunNoFlowFiles() {
        runner.run();

        runner.assertTransferCount(Caption.SUCCESS, 0);
        assertEquals(0, vision.service.leases());
    }

    @Test
    void testRunSuccess() {
        vision.pipeline.answer("a red kite \uD83E\uDE81");
        runner.enqueue(PICTURE, Map.of("filename", "kite.png", "qwenimage.error", "of an earlier attempt"));
        runner.run();

        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("a red kite \uD83E\uDE81", StandardCharsets.UTF_8);
        result.assertAttributeEquals("mime.type", "text/plain");
        result.assertAttributeEquals("filename", "kite.txt");
        result.assertAttributeEquals("qwenimage.answer.tokens", "13");
        result.assertAttributeEquals("qwenimage.answer.finished", "true");
        result.assertAttributeEquals("qwenimage.answer.attempts", "1");
        result.assertAttributeEquals("qwenimage.pictures", "1");
        result.assertAttributeEquals("qwenimage.model", "Fake Seer");
        result.assertAttributeEquals("qwenimage.model.type", "qwen2_5_vl");
        result.assertAttributeNotExists("qwenimage.answer");
        result.assertAttributeNotExists("qwenimage.error");
        result.assertAttributeNotExists("qwenimage.seed");
        assertNull(vision.pipeline.requests().getFirst().sampling(), "the best token each time");
        assertEquals(13, runner.getCounterValue(AbstractVisionProcessor.TOKENS_COUNTER));
        assertEquals(List.of(ProvenanceEventType.CONTENT_MODIFIED),
                runner.getProvenanceEvents().stream().map(ProvenanceEventRecord::getEventType).toList());
        assertEquals(0, vision.service.open());
    }

    @Test
    void testRunSuccessAttribute() {
        runner.setProperty(Caption.ANSWER_DESTINATION, AnswerDestination.ATTRIBUTE);
        runner.enqueue(PICTURE, Map.of("filename", "kite.png", "mime.type", "image/png"));
        runner.run();

        final MockFlowFile result = vision.only("success");
        assertArrayEquals(PICTURE, result.toByteArray());
        result.assertAttributeEquals("qwenimage.answer", "a red kite");
        result.assertAttributeEquals("filename", "kite.png");
        result.assertAttributeEquals("mime.type", "image/png");
        assertEquals(List.of(ProvenanceEventType.ATTRIBUTES_MODIFIED),
                runner.getProvenanceEvents().stream().map(ProvenanceEventRecord::getEventType).toList());
    }

    @Test
    void testRunSuccessBoth() {
        runner.setProperty(Caption.ANSWER_DESTINATION, AnswerDestination.BOTH);
        runner.enqueue(PICTURE);
        runner.run();

        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("a red kite");
        result.assertAttributeEquals("qwenimage.answer", "a red kite");
    }

    @ParameterizedTest
    @EnumSource(value = CaptionQuestion.class, names = "PROMPT_PROPERTY", mode = EnumSource.Mode.EXCLUDE)
    void testRunPreset(final CaptionQuestion question) {
        runner.setProperty(Caption.QUESTION, question);
        runner.enqueue(PICTURE);
        runner.run();

        runner.assertAllFlowFilesTransferred(Caption.SUCCESS, 1);
        assertEquals(CaptionPreset.valueOf(question.name()).prompt(), vision.pipeline.requests().getFirst().prompt());
    }

    @Test
    void testRunPromptAboutSeveralPictures() {
        final Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("before.png", PICTURE);
        files.put("after.png", Pictures.png(33, 47, 200));
        ask("What is new in ${place}? <|im_end|>");
        runner.enqueue(Pictures.tar(files), Map.of("place", "Lisbon"));
        runner.run();

        vision.only("success").assertAttributeEquals("qwenimage.pictures", "2");
        final ChatRequest request = vision.pipeline.requests().getFirst();
        assertEquals("What is new in Lisbon? <|im_end|>", request.prompt());
        assertEquals(List.of(48, 33), request.images().stream().map(RgbImage::width).toList());
        assertTrue(request.markup().isEmpty(), "special tokens in a prompt are text");
    }

    @Test
    void testRunSampling() {
        runner.setProperty(AnswerSettings.TEMPERATURE, "0.7");
        runner.setProperty(AnswerSettings.TOP_K, "20");
        runner.setProperty(AnswerSettings.TOP_P, "0.8");
        runner.setProperty(AnswerSettings.SEED, "${seed}");
        runner.setProperty(AnswerSettings.REPETITION_PENALTY, "1.05");
        runner.setProperty(AnswerSettings.MAXIMUM_NEW_TOKENS, "5");
        runner.setProperty(Caption.STOP_STRINGS, "\n###\nEND\n");
        runner.enqueue(PICTURE, Map.of("seed", "7"));
        runner.run();

        final ChatRequest request = vision.pipeline.requests().getFirst();
        assertEquals(new SamplingSettings(true, 0.7, 20, 0.8, 1.05, 7), request.sampling());
        assertEquals(List.of("###", "END"), request.stopStrings());
        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("a red");
        result.assertAttributeEquals("qwenimage.answer.finished", "false");
        result.assertAttributeEquals("qwenimage.seed", "7");
    }

    @Test
    void testRunPenaltyWithoutSampling() {
        runner.setProperty(AnswerSettings.REPETITION_PENALTY, "1.2");
        runner.enqueue(PICTURE);
        runner.run();

        runner.assertAllFlowFilesTransferred(Caption.SUCCESS, 1);
        final SamplingSettings sampling = vision.pipeline.requests().getFirst().sampling();
        assertFalse(sampling.doSample());
        assertEquals(1.2, sampling.repetitionPenalty());
    }

    @Test
    void testRunJsonIsTakenOutAndAskedForAgain() {
        askForJson("{\"type\": \"object\", \"required\": [\"kites\"]}");
        vision.pipeline.answer("There are two.", "```json\n{\"kites\": 2,}\n```");
        runner.enqueue(PICTURE, Map.of("filename", "kite.png"));
        runner.run();

        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("{\"kites\":2}");
        result.assertAttributeEquals("mime.type", "application/json");
        result.assertAttributeEquals("filename", "kite.json");
        result.assertAttributeEquals("qwenimage.answer.attempts", "2");
        assertTrue(vision.pipeline.requests().get(1).prompt().contains("could not be used"));
    }

    @Test
    void testRunFailureNoJson() {
        askForJson("{\"type\": \"object\", \"required\": [\"kites\"]}");
        vision.pipeline.answer("{\"birds\": 2}");
        runner.setProperty(Caption.RETRIES, "1");
        runner.enqueue(PICTURE);
        runner.run();

        assertFailed(PICTURE, "kites");
        assertEquals(2, vision.pipeline.requests().size());
    }

    @Test
    void testRunFailureNoSchema() {
        askForJson("${schema}");
        runner.enqueue(PICTURE, Map.of("schema", "{\"type\": "));
        runner.run();

        assertFailed(PICTURE, "schema");
        assertEquals(0, vision.service.leases(), "nothing is asked");
    }

    @Test
    void testRunTextWithBoxesInPixelsOfTheOriginal() {
        runner.setProperty(Caption.QUESTION, CaptionQuestion.OCR_WITH_BOXES);
        vision.pipeline.answer("```json\n[{\"bbox_2d\": [1, 2, 10, 8], \"text_content\": \"EXIT\"}]\n```");
        runner.enqueue(PICTURE, Map.of("filename", "sign.png"));
        runner.run();

        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("[{\"label\":\"EXIT\",\"box\":[2,4,20,16]}]");
        result.assertAttributeEquals("filename", "sign.json");
        result.assertAttributeEquals("qwenimage.boxes.count", "1");
    }

    @Test
    void testRunFailureBoxesOfSeveralPictures() {
        final byte[] zip = Pictures.zip(Map.of("a.png", PICTURE, "b.png", PICTURE));
        runner.setProperty(Caption.QUESTION, CaptionQuestion.OCR_WITH_BOXES);
        runner.enqueue(zip);
        runner.run();

        assertFailed(zip, "2 pictures");
    }

    static Stream<Arguments> testRunFailurePicture() {
        return Stream.of(
                Arguments.of(new byte[0], "empty (0 bytes)"),
                Arguments.of("a kite".getBytes(StandardCharsets.UTF_8), "no picture that is known"),
                Arguments.of(Arrays.copyOf(PICTURE, PICTURE.length - 20), "PNG"),
                Arguments.of(Pictures.png(400, 300, 1), "400 x 300 pixels"),
                Arguments.of(Pictures.zip(Map.of("a.txt", new byte[9])), "a.txt"));
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailurePicture(final byte[] content, final String words) {
        runner.setProperty(PictureContent.MAXIMUM_PIXELS, "10000");
        runner.enqueue(content);
        runner.run();

        assertFailed(content, words);
        assertEquals(0, vision.service.leases(), "nothing is asked");
    }

    @Test
    void testRunFailureEmptyPrompt() {
        ask("${question}");
        runner.enqueue(PICTURE);
        runner.run();

        assertFailed(PICTURE, "property Prompt is empty");
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailureNumber(final String property, final String value) {
        runner.setProperty(AnswerSettings.TEMPERATURE, "1");
        runner.setProperty(property, "${value}");
        runner.enqueue(PICTURE, Map.of("value", value));
        runner.run();

        assertFailed(PICTURE, property);
    }

    static Stream<Arguments> testRunFailureNumber() {
        return Stream.of(
                Arguments.of("Maximum New Tokens", "0"),
                Arguments.of("Maximum New Tokens", "100000"),
                Arguments.of("Maximum New Tokens", ""),
                Arguments.of("Temperature", "hot"),
                Arguments.of("Top P", "1.5"),
                Arguments.of("Top K", "-1"),
                Arguments.of("Repetition Penalty", "0"),
                Arguments.of("Seed", "1.5"));
    }

    @Test
    void testRunStopBetweenTokens() {
        final Caption caption = (Caption) runner.getProcessor();
        vision.pipeline.afterToken(() -> caption.updateScheduledFalse());
        runner.enqueue(PICTURE);
        runner.run();

        vision.assertStillQueued(PICTURE);
        assertTrue(runner.getLogger().getErrorMessages().isEmpty());
    }

    @Test
    void testRunRollbackOnResourceFault() {
        vision.pipeline.beforeAnswer(() -> {
            throw new ResourceExhaustedException("asked for 3 GiB, free are 2 GiB");
        });
        runner.enqueue(PICTURE);
        runner.run();

        vision.assertStillQueued(PICTURE);
        assertTrue(runner.isYieldCalled());
    }

    @Test
    void testVerify() {
        ask("How many kites?");
        final List<ConfigVerificationResult> results = vision.verify();

        assertEquals(List.of("Properties", "Model Service", "Forward"),
                results.stream().map(ConfigVerificationResult::getVerificationStepName).toList());
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        vision.service.refuse(new IllegalStateException("disabled"));
        assertEquals(Outcome.FAILED, vision.verify().get(1).getOutcome());
    }

    private void ask(final String prompt) {
        runner.setProperty(Caption.QUESTION, CaptionQuestion.PROMPT_PROPERTY);
        runner.setProperty(Caption.PROMPT, prompt);
    }

    private void askForJson(final String schema) {
        ask("How many kites? Answer as JSON.");
        runner.setProperty(Caption.ANSWER_FORM, AnswerForm.JSON);
        runner.setProperty(Caption.JSON_SCHEMA, schema);
    }

    private void assertFailed(final byte[] content, final String words) {
        final MockFlowFile failed = vision.only("failure");
        assertArrayEquals(content, failed.toByteArray());
        assertTrue(failed.getAttribute("qwenimage.error").contains(words), failed.getAttribute("qwenimage.error"));
        assertTrue(failed.isPenalized());
        assertEquals(0, vision.service.open());
    }
}
