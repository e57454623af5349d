package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EncodeImageTest {
    private static final byte[] FIRST = Pictures.png(48, 32, 9);
    private static final byte[] SECOND = Pictures.png(33, 47, 200);

    private final StageRunner stage = new StageRunner(new EncodeImage());
    private final TestRunner runner = stage.runner;

    @Test
    void testRunNoFlowFiles() {
        runner.run();

        runner.assertTransferCount(EncodeImage.SUCCESS, 0);
        assertEquals(0, stage.service.leases());
    }

    @Test
    void testRunSuccess() {
        runner.enqueue(FIRST, Map.of("filename", "kite.jpg", "qwenimage.error", "of an earlier attempt"));
        runner.run();

        final MockFlowFile result = stage.only("success");
        final Bundle bundle = StageRunner.bundle(result);
        assertEquals(9, bundle.tensor("image_latents.0").toFloats()[0]);
        result.assertAttributeEquals("mime.type", "application/x-safetensors");
        result.assertAttributeEquals("filename", "kite.safetensors");
        result.assertAttributeEquals("qwenimage.model", "fake-1");
        result.assertAttributeEquals("qwenimage.pictures", "1");
        result.assertAttributeNotExists("qwenimage.error");
        assertEquals(0, stage.service.open());
        assertEquals(1, runner.getProvenanceEvents().size());
    }

    static Stream<Arguments> testRunSuccessArchive() {
        final Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("pictures/", new byte[0]);
        files.put("pictures/b.png", FIRST);
        files.put("pictures/._b.png", new byte[] {0, 5, 22, 7});
        files.put("a.png", SECOND);
        return Stream.of(Arguments.of("ZIP", Pictures.zip(files)), Arguments.of("TAR", Pictures.tar(files)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void testRunSuccessArchive(final String kind, final byte[] archive) {
        runner.enqueue(archive);
        runner.run();

        stage.only("success").assertAttributeEquals("qwenimage.pictures", "2");
        final List<RgbImage> seen = stage.pipeline.images().getFirst().images();
        assertEquals(List.of(48, 33), seen.stream().map(RgbImage::width).toList(), kind);
        assertEquals((byte) 200, seen.get(1).rgb()[0]);
    }

    static Stream<Arguments> testRunFailure() {
        final byte[] tar = Pictures.tar(Map.of("a.png", FIRST));
        final byte[] zip = Pictures.zip(Map.of("a.png", FIRST));
        final Map<String, byte[]> three = new LinkedHashMap<>();
        List.of("a", "b", "c").forEach(name -> three.put(name, FIRST));
        final Map<String, byte[]> many = new LinkedHashMap<>();
        for (int i = 0; i < 65; i++) {
            many.put("picture-" + i, FIRST);
        }
        return Stream.of(
                Arguments.of(new byte[0], "empty (0 bytes)"),
                Arguments.of("a kite".getBytes(StandardCharsets.UTF_8), "no picture that is known"),
                Arguments.of(Arrays.copyOf(FIRST, FIRST.length / 2), "PNG"),
                Arguments.of(Pictures.png(400, 300, 1), "400 x 300 pixels"),
                Arguments.of(new byte[20_001], "Maximum Content Size is 20000"),
                Arguments.of(Arrays.copyOf(tar, 520), "TAR archive is damaged or cut off at byte 0"),
                Arguments.of(Arrays.copyOf(zip, zip.length / 2), "ZIP archive is damaged"),
                Arguments.of(Pictures.zip(Map.of("folder/", new byte[0])), "holds no file"),
                Arguments.of(Pictures.zip(Map.of("a.png", FIRST, "note.txt", "hi".getBytes(StandardCharsets.UTF_8))),
                        "note.txt"),
                Arguments.of(Pictures.zip(Map.of("bomb", new byte[5_000_000])), "more than 20000 bytes together"),
                Arguments.of(Pictures.zip(many), "more than 64 files"),
                Arguments.of(Pictures.zip(three), "3 pictures are given"));
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailure(final byte[] content, final String words) {
        runner.setProperty(PictureContent.MAXIMUM_CONTENT_SIZE, "20000 B");
        runner.setProperty(PictureContent.MAXIMUM_PIXELS, "10000");
        runner.enqueue(content);
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        assertArrayEquals(content, failed.toByteArray());
        assertTrue(failed.getAttribute("qwenimage.error").contains(words), failed.getAttribute("qwenimage.error"));
        assertTrue(failed.isPenalized());
        assertEquals(0, stage.service.open());
    }

    @Test
    void testRunFailureModelThatEditsNot() {
        final StageRunner other = new StageRunner(new EncodeImage(), FakePipeline.CARD);
        other.runner.enqueue(FIRST);
        other.runner.run();

        final String words = other.only("failure").getAttribute("qwenimage.error");
        assertTrue(words.contains("Fake Model"), words);
    }

    @Test
    void testRunSuccessImageToImage() {
        final StageRunner other = new StageRunner(new EncodeImage(), FakePipeline.CARD);
        other.runner.setProperty(EncodeImage.PURPOSE, PicturePurpose.IMAGE_TO_IMAGE);
        other.runner.setProperty(EncodeImage.WIDTH, "${wide}");
        other.runner.enqueue(FIRST, Map.of("wide", "64"));
        other.runner.run();

        other.only("success").assertAttributeEquals("qwenimage.pictures", "1");
        final ImageRequest request = other.pipeline.images().getFirst();
        assertEquals(new ImageRequest.Start(null, 64, DenoiseRequest.AUTOMATIC), request.start());
        assertEquals(48, request.images().getFirst().width());
    }

    @Test
    void testRunSuccessInpaint() {
        final Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("picture.png", FIRST);
        files.put("mask.png", SECOND);
        final StageRunner other = new StageRunner(new EncodeImage(), FakePipeline.CARD);
        other.runner.setProperty(EncodeImage.PURPOSE, PicturePurpose.INPAINT);
        other.runner.enqueue(Pictures.zip(files));
        other.runner.run();

        other.only("success");
        final ImageRequest request = other.pipeline.images().getFirst();
        assertEquals(48, request.images().getFirst().width());
        assertEquals(33, request.start().mask().width());
    }

    @Test
    void testRunFailurePicturesThatPurposeDoesNotTake() {
        for (final PicturePurpose purpose : List.of(PicturePurpose.INPAINT, PicturePurpose.IMAGE_TO_IMAGE)) {
            final byte[] content = purpose == PicturePurpose.INPAINT ? FIRST
                    : Pictures.zip(Map.of("a.png", FIRST, "b.png", SECOND));
            final StageRunner other = new StageRunner(new EncodeImage(), FakePipeline.CARD);
            other.runner.setProperty(EncodeImage.PURPOSE, purpose);
            other.runner.enqueue(content);
            other.runner.run();

            final MockFlowFile failed = other.only("failure");
            assertArrayEquals(content, failed.toByteArray());
            assertTrue(failed.getAttribute("qwenimage.error").contains(purpose.getDisplayName() + " needs"),
                    failed.getAttribute("qwenimage.error"));
        }
    }

    @Test
    void testEditGoesOnInEncodeTextAndDenoise() {
        runner.enqueue(FIRST, Map.of("filename", "kite.png"));
        runner.run();
        final StageRunner text = new StageRunner(new EncodeText(), FakePipeline.EDIT_CARD);
        text.runner.setProperty(EncodeText.PROMPT_SOURCE, PromptSource.PICTURES_IN_CONTENT);
        text.runner.setProperty(EncodeText.PROMPT, "make the ${thing} blue");
        text.runner.enqueue(stage.only("success").toByteArray(), Map.of("thing", "kite"));
        text.runner.run();
        final MockFlowFile encoded = text.only("success");
        final StageRunner denoise = new StageRunner(new Denoise(), FakePipeline.EDIT_CARD);
        denoise.runner.enqueue(encoded.toByteArray());
        denoise.runner.run();

        final Bundle bundle = StageRunner.bundle(encoded);
        assertEquals(9, bundle.tensor("image_latents.0").toFloats()[0], "the pictures are still there");
        assertEquals("make the kite blue", bundle.metadata().get("prompt"));
        final MockFlowFile denoised = denoise.only("success");
        denoised.assertAttributeEquals("qwenimage.width", "48");
        denoised.assertAttributeEquals("qwenimage.height", "32");
        denoised.assertAttributeNotExists("qwenimage.requested.width");
    }

    @Test
    void testVerifySuccessful() {
        final List<ConfigVerificationResult> results = stage.verify(Map.of());

        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertTrue(results.getLast().getExplanation().contains("image_latents.0"), results.getLast()::getExplanation);
    }
}
