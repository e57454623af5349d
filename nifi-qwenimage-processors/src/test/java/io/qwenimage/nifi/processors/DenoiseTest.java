package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.DenoiseRequest;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class DenoiseTest {
    private static final byte[] ENCODED = StageRunner.bytes(StageRunner.encoded());

    private final StageRunner stage = new StageRunner(new Denoise());
    private final TestRunner runner = stage.runner;

    @Test
    void testRunNoFlowFiles() {
        runner.run();

        runner.assertTransferCount(Denoise.SUCCESS, 0);
    }

    @Test
    void testRunSuccessRecommendedValues() {
        runner.setProperty(Denoise.SEED, "7");
        runner.enqueue(ENCODED, Map.of("filename", "kite.safetensors", "customer", "42", "qwenimage.error", "earlier"));
        runner.run();

        assertEquals(List.of(new DenoiseRequest(DenoiseRequest.AUTOMATIC, DenoiseRequest.AUTOMATIC, 3, 4.0, 7)),
                stage.pipeline.requests());
        final MockFlowFile picture = stage.only("success");
        assertEquals(List.of(16L, 6L, 8L),
                Arrays.stream(StageRunner.bundle(picture).tensor("latents").shape().toArray()).boxed().toList());
        picture.assertAttributeEquals("filename", "kite.safetensors");
        picture.assertAttributeEquals("mime.type", "application/x-safetensors");
        picture.assertAttributeEquals("customer", "42");
        picture.assertAttributeEquals("qwenimage.model", "fake-1");
        picture.assertAttributeEquals("qwenimage.width", "64");
        picture.assertAttributeEquals("qwenimage.height", "48");
        picture.assertAttributeEquals("qwenimage.steps", "3");
        picture.assertAttributeEquals("qwenimage.true.cfg.scale", "4.0");
        picture.assertAttributeEquals("qwenimage.seed", "7");
        picture.assertAttributeEquals("fragment.index", "0");
        picture.assertAttributeEquals("fragment.count", "1");
        picture.assertAttributeEquals("segment.original.filename", "kite.safetensors");
        picture.assertAttributeNotExists("qwenimage.error");
        picture.assertAttributeNotExists("qwenimage.requested.width");
        final MockFlowFile original = stage.only("original");
        assertArrayEquals(ENCODED, original.toByteArray());
        original.assertAttributeNotExists("qwenimage.error");
        assertEquals(0, stage.service.open());
    }

    @Test
    void testRunSuccessExpressions() {
        expressions();
        runner.enqueue(ENCODED, Map.of("Width", "32", "Height", " 80 ", "Steps", "5", "True CFG Scale", "2.5",
                "Seed", "-3", "Pictures per Prompt", "1"));
        runner.run();

        runner.assertTransferCount(Denoise.SUCCESS, 1);
        assertEquals(List.of(new DenoiseRequest(32, 80, 5, 2.5, -3)), stage.pipeline.requests());
    }

    @Test
    void testRunSuccessEmptyExpressionsMeanRecommendedValues() {
        expressions();
        runner.enqueue(ENCODED, Map.of("Seed", "1"));
        runner.run();

        assertEquals(List.of(new DenoiseRequest(DenoiseRequest.AUTOMATIC, DenoiseRequest.AUTOMATIC, 3, 4.0, 1)),
                stage.pipeline.requests());
    }

    @Test
    void testRunSuccessSeveralPictures() {
        runner.setProperty(Denoise.SEED, "41");
        runner.setProperty(Denoise.PICTURES_PER_PROMPT, "3");
        runner.enqueue(ENCODED, Map.of("filename", "kite.safetensors"));
        runner.run();

        runner.assertTransferCount(Denoise.SUCCESS, 3);
        final List<MockFlowFile> pictures = runner.getFlowFilesForRelationship(Denoise.SUCCESS);
        final MockFlowFile original = stage.only("original");
        final Set<String> identifiers = new HashSet<>();
        for (int i = 0; i < pictures.size(); i++) {
            final MockFlowFile picture = pictures.get(i);
            final String seed = Integer.toString(41 + i);
            picture.assertAttributeEquals("qwenimage.seed", seed);
            picture.assertAttributeEquals("fragment.index", Integer.toString(i));
            picture.assertAttributeEquals("fragment.count", "3");
            picture.assertAttributeEquals("filename", "kite-" + seed + ".safetensors");
            assertEquals(41f + i, StageRunner.bundle(picture).tensor("latents").toFloats()[0]);
            identifiers.add(picture.getAttribute("fragment.identifier"));
        }
        assertEquals(Set.of(original.getAttribute("fragment.identifier")), identifiers);
        original.assertAttributeEquals("fragment.count", "3");
        original.assertAttributeEquals("qwenimage.seed", "41");
        assertEquals(3, stage.service.leases(), "one turn on the device for each picture");
    }

    @Test
    void testRunRecordsDrawnSeeds() {
        runner.enqueue(ENCODED);
        runner.enqueue(ENCODED);
        runner.run(2);

        final List<String> seeds = new ArrayList<>();
        for (final MockFlowFile picture : runner.getFlowFilesForRelationship(Denoise.SUCCESS)) {
            final String seed = picture.getAttribute("qwenimage.seed");
            assertEquals(seed, StageRunner.bundle(picture).metadata().get("seed"));
            assertTrue(Long.parseLong(seed) >= 0 && Long.parseLong(seed) < 1L << 32, seed);
            seeds.add(seed);
        }
        assertEquals(seeds, stage.pipeline.requests().stream().map(request -> Long.toString(request.seed())).toList());
        assertNotEquals(seeds.get(0), seeds.get(1));
    }

    @Test
    void testRunSaysThatSizeWasRounded() {
        runner.setProperty(Denoise.WIDTH, "70");
        runner.setProperty(Denoise.HEIGHT, "63");
        runner.enqueue(ENCODED);
        runner.run();

        final MockFlowFile picture = stage.only("success");
        picture.assertAttributeEquals("qwenimage.width", "64");
        picture.assertAttributeEquals("qwenimage.height", "48");
        picture.assertAttributeEquals("qwenimage.requested.width", "70");
        picture.assertAttributeEquals("qwenimage.requested.height", "63");
        assertTrue(runner.getProvenanceEvents().stream().map(ProvenanceEventRecord::getDetails)
                .anyMatch(details -> details != null && details.contains("64 x 48 pixels (rounded down from 70 x "
                        + "63)")));
    }

    @Test
    void testRunCountsEveryStepAtOnce() {
        final List<Long> counted = new ArrayList<>();
        stage.pipeline.afterStep(step -> counted.add(runner.getCounterValue(Denoise.STEPS_COUNTER)));
        runner.enqueue(ENCODED);
        runner.run();

        assertEquals(3L, runner.getCounterValue(Denoise.STEPS_COUNTER));
        assertEquals(List.of(1L, 2L), counted.subList(1, 3), "the counter moves while the picture is made");
    }

    @ParameterizedTest
    @CsvSource({
        "Width, 0", "Width, 100000", "Width, -5", "Width, wide", "Width, 64.5", "Width, 99999999999999999999",
        "Height, 0", "Height, 100000", "Steps, 0", "Steps, -3", "Steps, 1000000", "Seed, 1.5", "Seed, red",
        "Seed, 9223372036854775808", "True CFG Scale, NaN", "True CFG Scale, Infinity", "True CFG Scale, -1",
        "True CFG Scale, 1e999", "Pictures per Prompt, 0", "Pictures per Prompt, 100000"
    })
    void testRunFailureBadValue(final String property, final String value) {
        expressions();
        runner.enqueue(ENCODED, Map.of(property, value));
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        runner.assertAllFlowFilesTransferred(Denoise.FAILURE);
        assertArrayEquals(ENCODED, failed.toByteArray());
        final String error = failed.getAttribute("qwenimage.error");
        assertTrue(error.startsWith(property + " is \"" + value + "\" but must be a"), error);
        assertTrue(failed.isPenalized());
        assertEquals(0, stage.service.leases());
    }

    @ParameterizedTest
    @CsvSource({
        "Width, 0", "Height, 100000", "Steps, -1", "True CFG Scale, NaN", "Seed, red", "Pictures per Prompt, 0"
    })
    void testNotValidLiteral(final String property, final String value) {
        runner.assertValid();
        runner.setProperty(property, value);
        runner.assertNotValid();
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailureBadContent(final byte[] content, final String message) {
        runner.enqueue(content);
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        runner.assertAllFlowFilesTransferred(Denoise.FAILURE);
        assertArrayEquals(content, failed.toByteArray());
        final String error = failed.getAttribute("qwenimage.error");
        assertTrue(error.contains(message), error);
        assertEquals(0, stage.service.open());
    }

    static Stream<Arguments> testRunFailureBadContent() {
        final Bundle other = StageRunner.encoded().with(Map.of(), Map.of(Bundle.MODEL_KEY, "another-model"));
        final Bundle empty = new Bundle(Map.of(), StageRunner.encoded().metadata());
        return Stream.of(
                Arguments.of("a red kite".getBytes(StandardCharsets.UTF_8), "safetensors"),
                Arguments.of(new byte[0], "safetensors"),
                Arguments.of(Arrays.copyOf(ENCODED, ENCODED.length / 2), "safetensors"),
                Arguments.of(StageRunner.bytes(other), "another-model"),
                Arguments.of(StageRunner.bytes(empty), "no tensor prompt_embeds"));
    }

    @Test
    void testRunFailureWidthBelowMultiple() {
        runner.setProperty(Denoise.WIDTH, "8");
        runner.enqueue(ENCODED);
        runner.run();

        runner.assertAllFlowFilesTransferred(Denoise.FAILURE, 1);
    }

    @Test
    void testRunFailureOnLaterPictureLeavesNothingBehind() {
        failAtStage(3, () -> {
            throw new DataException("the third picture cannot be made");
        });
        runner.setProperty(Denoise.PICTURES_PER_PROMPT, "3");
        runner.enqueue(ENCODED);
        runner.run();

        runner.assertAllFlowFilesTransferred(Denoise.FAILURE, 1);
        assertArrayEquals(ENCODED, stage.only("failure").toByteArray());
        assertTrue(runner.getProvenanceEvents().stream().map(ProvenanceEventRecord::getEventType)
                .noneMatch(ProvenanceEventType.CONTENT_MODIFIED::equals), "no picture is spoken of that is not there");
    }

    @Test
    void testRunRollbackOnLaterPictureLosesAndDoublesNothing() {
        failAtStage(3, () -> {
            throw new ResourceExhaustedException("asked for 3 GiB, free are 2 GiB");
        });
        runner.setProperty(Denoise.PICTURES_PER_PROMPT, "3");
        runner.setProperty(Denoise.SEED, "5");
        runner.enqueue(ENCODED);
        runner.run();

        runner.assertTransferCount(Denoise.SUCCESS, 0);
        runner.assertTransferCount(Denoise.ORIGINAL, 0);
        assertEquals(1, runner.getQueueSize().getObjectCount());

        stage.pipeline.beforeStage(() -> { });
        runner.run();

        assertEquals(List.of("5", "6", "7"), runner.getFlowFilesForRelationship(Denoise.SUCCESS).stream()
                .map(picture -> picture.getAttribute("qwenimage.seed")).toList());
        runner.assertTransferCount(Denoise.ORIGINAL, 1);
        assertTrue(runner.isQueueEmpty());
    }

    @Test
    void testStopIsHonouredWithinOneStep() {
        final List<Integer> steps = new ArrayList<>();
        stage.pipeline.afterStep(step -> {
            steps.add(step);
            if (step == 1) {
                runner.unSchedule();
            }
        });
        runner.setProperty(Denoise.STEPS, "10");
        runner.enqueue(ENCODED);
        runner.run();

        assertEquals(List.of(0, 1), steps);
        assertGivenBack();
    }

    @Test
    void testTerminateIsHonouredWithinOneStep() {
        final List<Integer> steps = new ArrayList<>();
        stage.pipeline.afterStep(step -> {
            steps.add(step);
            Thread.currentThread().interrupt();
        });
        runner.setProperty(Denoise.STEPS, "10");
        runner.enqueue(ENCODED);
        runner.run();

        assertEquals(List.of(0), steps);
        assertGivenBack();
    }

    @Test
    void testVerifySuccessful() {
        final List<ConfigVerificationResult> results = stage.verify(Map.of());

        assertEquals(3, results.size());
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertTrue(results.getLast().getExplanation().contains("[16, 4, 4]"), results.getLast().getExplanation());
    }

    @Test
    void testVerifyFailedOnBadValue() {
        expressions();

        final List<ConfigVerificationResult> results = stage.verify(Map.of("Steps", "many"));

        assertEquals(Outcome.FAILED, results.getFirst().getOutcome());
        assertTrue(results.getFirst().getExplanation().contains("Steps is \"many\""));
    }

    private void assertGivenBack() {
        runner.assertTransferCount(Denoise.SUCCESS, 0);
        runner.assertTransferCount(Denoise.ORIGINAL, 0);
        runner.assertTransferCount(Denoise.FAILURE, 0);
        assertEquals(1, runner.getQueueSize().getObjectCount());
        assertEquals(ENCODED.length, runner.getQueueSize().getByteCount());
        assertTrue(runner.getPenalizedFlowFiles().isEmpty());
        assertFalse(runner.isYieldCalled());
        assertEquals(0, stage.service.open());
        assertTrue(runner.getLogger().getErrorMessages().isEmpty());
    }

    private void failAtStage(final int number, final Runnable fault) {
        final List<Integer> stages = new ArrayList<>();
        stage.pipeline.beforeStage(() -> {
            stages.add(stages.size());
            if (stages.size() == number) {
                fault.run();
            }
        });
    }

    /** Every property takes the attribute of its own name. */
    private void expressions() {
        for (final PropertyDescriptor property : List.of(Denoise.WIDTH, Denoise.HEIGHT, Denoise.STEPS,
                Denoise.TRUE_CFG_SCALE, Denoise.SEED, Denoise.PICTURES_PER_PROMPT)) {
            runner.setProperty(property, "${'" + property.getName() + "'}");
        }
    }
}
