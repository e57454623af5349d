package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GroundTest {
    private static final byte[] PICTURE = Pictures.png(48, 32, 9);
    /** In pixels of the picture at half its size, which is how the model sees it. */
    private static final String ANSWER = "```json\n[{\"bbox_2d\": [1, 2, 10, 8], \"label\": \"kite\"},"
            + " {\"bbox_2d\": [12, 1, 30, 16], \"label\": \"tree\"}]\n```";
    private static final String BOXES = "[{\"label\":\"kite\",\"box\":[2,4,20,16]},"
            + "{\"label\":\"tree\",\"box\":[24,2,48,32]}]";

    private final VisionRunner vision = new VisionRunner(new Ground());
    private final TestRunner runner = vision.runner;

    @BeforeEach
    void find() {
        runner.setProperty(Ground.PHRASES, "kite, ${other}\n");
        vision.pipeline.answer(ANSWER);
    }

    @Test
    void testRunNoFlowFiles() {
        runner.run();

        runner.assertTransferCount(Ground.SUCCESS, 0);
        assertEquals(0, vision.service.leases());
    }

    @Test
    void testRunSuccess() {
        enqueue(PICTURE);
        runner.run();

        final MockFlowFile result = vision.only("success");
        final String json = result.getContent();
        assertTrue(json.contains("\"boxes\":" + BOXES) && json.contains("\"width\":48"), json);
        result.assertAttributeEquals("mime.type", "application/json");
        result.assertAttributeEquals("filename", "park.json");
        result.assertAttributeEquals("qwenimage.boxes.count", "2");
        result.assertAttributeEquals("qwenimage.points.count", "0");
        result.assertAttributeEquals("qwenimage.answer.finished", "true");
        result.assertAttributeEquals("qwenimage.width", "48");
        result.assertAttributeEquals("qwenimage.model.type", "qwen2_5_vl");
        result.assertAttributeNotExists("qwenimage.boxes");
        result.assertAttributeNotExists("qwenimage.error");
        final String question = vision.pipeline.requests().getFirst().prompt();
        assertTrue(question.contains("\"kite\", \"tree\""), question);
        runner.assertTransferCount(Ground.ANNOTATED, 0);
        runner.assertTransferCount(Ground.CROPPED, 0);
        assertEquals(0, vision.service.open());
    }

    @Test
    void testRunSuccessAttribute() {
        runner.setProperty(Ground.ANSWER_DESTINATION, AnswerDestination.ATTRIBUTE);
        enqueue(PICTURE);
        runner.run();

        final MockFlowFile result = vision.only("success");
        assertArrayEquals(PICTURE, result.toByteArray());
        result.assertAttributeEquals("qwenimage.boxes", BOXES);
        result.assertAttributeEquals("filename", "park.png");
    }

    @Test
    void testRunAnnotatedAndCrops() {
        runner.setProperty(Ground.ANNOTATED_PICTURE, "true");
        runner.setProperty(Ground.CROPS, "true");
        enqueue(PICTURE);
        runner.run();

        final MockFlowFile annotated = vision.only("annotated");
        annotated.assertAttributeEquals("filename", "park-annotated.png");
        annotated.assertAttributeEquals("mime.type", "image/png");
        final RgbImage drawn = ImageDecoder.read(annotated.toByteArray());
        assertEquals(48, drawn.width());
        assertTrue(drawn.rgb()[3 * (31 * 48 + 47)] != 9, "the corner of the tree's box is drawn");
        assertEquals(9, drawn.rgb()[3 * (31 * 48)], "what no box touches is as it was");
        final List<MockFlowFile> crops = runner.getFlowFilesForRelationship(Ground.CROPPED);
        assertEquals(2, crops.size());
        final MockFlowFile crop = crops.getFirst();
        final RgbImage cut = ImageDecoder.read(crop.toByteArray());
        assertEquals(18, cut.width());
        assertEquals(12, cut.height());
        crop.assertAttributeEquals("qwenimage.width", "18");
        crop.assertAttributeEquals("qwenimage.label", "kite");
        crop.assertAttributeEquals("qwenimage.box", "2,4,20,16");
        crop.assertAttributeEquals("filename", "park-0.png");
        crop.assertAttributeEquals("fragment.index", "0");
        crop.assertAttributeEquals("fragment.count", "2");
        crop.assertAttributeEquals("segment.original.filename", "park.png");
        crop.assertAttributeEquals("fragment.identifier", crops.get(1).getAttribute("fragment.identifier"));
        vision.only("success").assertAttributeEquals("qwenimage.width", "48");
    }

    @Test
    void testRunNotFound() {
        vision.pipeline.answer("There is no kite in this image.");
        runner.setProperty(Ground.CROPS, "true");
        enqueue(PICTURE);
        runner.run();

        final MockFlowFile result = vision.only("not found");
        assertArrayEquals(PICTURE, result.toByteArray());
        result.assertAttributeEquals("filename", "park.png");
        result.assertAttributeEquals("qwenimage.answer", "There is no kite in this image.");
        result.assertAttributeEquals("qwenimage.boxes.count", "0");
        runner.assertTransferCount(Ground.CROPPED, 0);
    }

    @Test
    void testRunDescribesWhatWasFound() {
        runner.setProperty(Ground.TASK, GroundTask.DESCRIBE);
        vision.pipeline.answer("a red kite", "an \"old\" tree");
        runner.enqueue(PICTURE, Map.of("filename", "park.png", "qwenimage.boxes", BOXES));
        runner.run();

        final MockFlowFile result = vision.only("success");
        result.assertContentEquals("[{\"label\":\"kite\",\"description\":\"a red kite\",\"box\":[2,4,20,16]},"
                + "{\"label\":\"tree\",\"description\":\"an \\\"old\\\" tree\",\"box\":[24,2,48,32]}]");
        result.assertAttributeEquals("qwenimage.boxes.count", "2");
        assertTrue(vision.pipeline.requests().getFirst().prompt().contains("[1, 2, 10, 8]"), "as the model sees it");
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailureBoxes(final String boxes, final String words) {
        runner.setProperty(Ground.TASK, GroundTask.DESCRIBE);
        runner.enqueue(PICTURE, Map.of("qwenimage.boxes", boxes));
        runner.run();

        assertFailed(PICTURE, words);
    }

    static Stream<Arguments> testRunFailureBoxes() {
        return Stream.of(
                Arguments.of("", "property Boxes is empty"),
                Arguments.of("the kite", "not JSON"),
                Arguments.of("[]", "no list of 1 to"),
                Arguments.of("{\"boxes\": 3}", "no list of 1 to"),
                Arguments.of("[{\"box\": [1, 2, 3]}]", "a box reads"),
                Arguments.of("[[1, 2, 3, \"x\"]]", "a box reads"),
                Arguments.of("[[5, 5, 1, 9]]", "covers no pixels"),
                Arguments.of("[[1, 2, 99, 20]]", "reaches beyond the picture"));
    }

    @Test
    void testRunFailurePhrases() {
        runner.setProperty(Ground.PHRASES, "${other}");
        runner.enqueue(PICTURE, Map.of("other", " , "));
        runner.run();

        assertFailed(PICTURE, "property Phrases is empty");
        assertEquals(0, vision.service.leases());
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailurePicture(final byte[] content, final String words) {
        enqueue(content);
        runner.run();

        assertFailed(content, words);
        assertEquals(0, vision.service.leases(), "nothing is asked");
    }

    static Stream<Arguments> testRunFailurePicture() {
        return Stream.of(
                Arguments.of("a kite".getBytes(StandardCharsets.UTF_8), "no picture that is known"),
                Arguments.of(Arrays.copyOf(PICTURE, PICTURE.length - 20), "PNG"),
                Arguments.of(Pictures.zip(Map.of("a.png", PICTURE)), "no picture that is known"));
    }

    @Test
    void testRunStopBetweenTokens() {
        final Ground ground = (Ground) runner.getProcessor();
        vision.pipeline.afterToken(() -> ground.updateScheduledFalse());
        enqueue(PICTURE);
        runner.run();

        vision.assertStillQueued(PICTURE);
    }

    @Test
    void testVerify() {
        assertEquals(List.of(Outcome.SUCCESSFUL, Outcome.SUCCESSFUL, Outcome.SUCCESSFUL),
                vision.verify().stream().map(result -> result.getOutcome()).toList());
        runner.setProperty(Ground.TASK, GroundTask.DESCRIBE);
        assertTrue(vision.verify().getFirst().getExplanation().contains("each FlowFile says"));
    }

    private void enqueue(final byte[] content) {
        runner.enqueue(content, Map.of("filename", "park.png", "other", "tree", "qwenimage.error", "of earlier"));
    }

    private void assertFailed(final byte[] content, final String words) {
        final MockFlowFile failed = vision.only("failure");
        assertArrayEquals(content, failed.toByteArray());
        assertTrue(failed.getAttribute("qwenimage.error").contains(words), failed.getAttribute("qwenimage.error"));
        assertEquals(0, vision.service.open());
    }
}
