package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.image.ImageMetadata;
import io.qwenimage.pipeline.Bundle;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class DecodeVAETest {
    private static final byte[] DENOISED = StageRunner.bytes(StageRunner.denoised());

    private final StageRunner stage = new StageRunner(new DecodeVAE());
    private final TestRunner runner = stage.runner;

    @Test
    void testRunSuccess() throws IOException {
        runner.enqueue(DENOISED, Map.of("filename", "kite.safetensors", "customer", "42", "qwenimage.error",
                "earlier"));
        runner.run();

        final MockFlowFile picture = stage.only("success");
        final BufferedImage pixels = ImageIO.read(new ByteArrayInputStream(picture.toByteArray()));
        assertEquals(64, pixels.getWidth());
        assertEquals(48, pixels.getHeight());
        assertEquals(0xFF070707, pixels.getRGB(63, 47));
        picture.assertAttributeEquals("mime.type", "image/png");
        picture.assertAttributeEquals("filename", "kite.png");
        picture.assertAttributeEquals("qwenimage.width", "64");
        picture.assertAttributeEquals("qwenimage.height", "48");
        picture.assertAttributeEquals("qwenimage.model", "fake-1");
        picture.assertAttributeEquals("customer", "42");
        picture.assertAttributeNotExists("qwenimage.error");
        final MockFlowFile original = stage.only("original");
        original.assertContentEquals(DENOISED);
        original.assertAttributeEquals("filename", "kite.safetensors");
        original.assertAttributeNotExists("qwenimage.error");
        assertEquals(0, stage.service.open());
    }

    @ParameterizedTest
    @CsvSource({"PNG, image/png, kite.png", "JPEG, image/jpeg, kite.jpg", "WEBP, image/webp, kite.webp"})
    void testRunSuccessEveryFormat(final String format, final String mimeType, final String filename)
            throws IOException {
        runner.setProperty(DecodeVAE.IMAGE_FORMAT, format);
        runner.enqueue(DENOISED, Map.of("filename", "kite"));
        runner.run();

        final MockFlowFile picture = stage.only("success");
        picture.assertAttributeEquals("mime.type", mimeType);
        picture.assertAttributeEquals("filename", filename);
        final ImageMetadata metadata = ImageMetadata.read(picture.toByteArray());
        assertEquals(StageRunner.PROMPT, metadata.prompt());
        assertEquals(7, metadata.seed());
    }

    @ParameterizedTest
    @CsvSource({"true, true, true", "false, true, true", "true, false, true", "true, true, false",
        "false, false, false"})
    void testRunWritesOnlyChosenMetadata(final boolean prompt, final boolean parameters, final boolean sourceType)
            throws IOException {
        runner.setProperty(DecodeVAE.WRITE_PROMPT, Boolean.toString(prompt));
        runner.setProperty(DecodeVAE.WRITE_GENERATION_PARAMETERS, Boolean.toString(parameters));
        runner.setProperty(DecodeVAE.WRITE_DIGITAL_SOURCE_TYPE, Boolean.toString(sourceType));
        runner.enqueue(DENOISED);
        runner.run();

        final byte[] file = stage.only("success").toByteArray();
        final ImageMetadata metadata = ImageMetadata.read(file);
        assertEquals(prompt ? StageRunner.PROMPT : null, metadata.prompt());
        assertEquals(prompt ? "ugly" : null, metadata.negativePrompt());
        assertEquals(parameters ? 7L : null, metadata.seed());
        assertEquals(parameters ? 3 : null, metadata.steps());
        assertEquals(parameters ? 4.0 : null, metadata.trueCfgScale());
        assertEquals(parameters ? "Fake Model" : null, metadata.model());
        assertEquals(sourceType ? ImageMetadata.TRAINED_ALGORITHMIC_MEDIA : null, metadata.digitalSourceType());
        assertEquals(prompt, new String(file, StandardCharsets.ISO_8859_1).contains("Lisbon"));
    }

    @Test
    void testRunLeavesOutWhatTheBundleDoesNotTell() throws IOException {
        final Bundle silent = new Bundle(StageRunner.denoised().tensors(), Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT,
                Bundle.MODEL_KEY, "fake-1", "seed", "not a number"));
        runner.enqueue(StageRunner.bytes(silent));
        runner.run();

        final ImageMetadata metadata = ImageMetadata.read(stage.only("success").toByteArray());
        assertNull(metadata.prompt());
        assertNull(metadata.seed());
        assertEquals("Fake Model", metadata.model());
    }

    @Test
    void testRunQualityChangesSize() {
        runner.setProperty(DecodeVAE.IMAGE_FORMAT, PictureFormat.JPEG);
        runner.setProperty(DecodeVAE.QUALITY, "${quality}");
        runner.enqueue(DENOISED, Map.of("quality", "1"));
        runner.enqueue(DENOISED, Map.of("quality", "100"));
        runner.enqueue(DENOISED, Map.of("quality", "best"));
        runner.run(3);

        final List<MockFlowFile> pictures = runner.getFlowFilesForRelationship(DecodeVAE.SUCCESS);
        assertTrue(pictures.get(0).getSize() < pictures.get(1).getSize());
        final String error = stage.only("failure").getAttribute("qwenimage.error");
        assertEquals("Quality is \"best\" but must be a whole number from 1 to 100", error);
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailure(final byte[] content, final String message) {
        runner.enqueue(content);
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        runner.assertAllFlowFilesTransferred(DecodeVAE.FAILURE);
        assertArrayEquals(content, failed.toByteArray());
        assertTrue(failed.getAttribute("qwenimage.error").contains(message), failed.getAttribute("qwenimage.error"));
        assertTrue(failed.isPenalized());
        assertEquals(0, stage.service.open());
    }

    static Stream<Arguments> testRunFailure() {
        final Bundle other = StageRunner.denoised().with(Map.of(), Map.of(Bundle.MODEL_KEY, "another-model"));
        return Stream.of(
                Arguments.of("a red kite".getBytes(StandardCharsets.UTF_8), "safetensors"),
                Arguments.of(new byte[0], "safetensors"),
                Arguments.of(StageRunner.bytes(other), "another-model"),
                Arguments.of(StageRunner.bytes(StageRunner.encoded()), "no tensor latents"));
    }

    @Test
    void testRunWholeLine() throws IOException {
        final StageRunner encode = new StageRunner(new EncodeText());
        encode.runner.enqueue("a cat", Map.of("filename", "cat.txt"));
        encode.runner.run();
        final StageRunner denoise = new StageRunner(new Denoise());
        denoise.runner.setProperty(Denoise.PICTURES_PER_PROMPT, "2");
        denoise.runner.setProperty(Denoise.SEED, "9");
        denoise.runner.enqueue(encode.only("success").toByteArray(), encode.only("success").getAttributes());
        denoise.runner.run();
        for (final MockFlowFile latents : denoise.runner.getFlowFilesForRelationship(Denoise.SUCCESS)) {
            runner.enqueue(latents.toByteArray(), latents.getAttributes());
        }
        runner.run(2);

        final List<MockFlowFile> pictures = runner.getFlowFilesForRelationship(DecodeVAE.SUCCESS);
        assertEquals(List.of("cat-9.png", "cat-10.png"),
                pictures.stream().map(picture -> picture.getAttribute("filename")).toList());
        final ImageMetadata metadata = ImageMetadata.read(pictures.get(1).toByteArray());
        assertEquals("a cat", metadata.prompt());
        assertEquals(10, metadata.seed());
        assertNotNull(pictures.get(1).getAttribute("fragment.identifier"));
    }

    @Test
    void testVerifySuccessful() {
        final List<ConfigVerificationResult> results = stage.verify(Map.of());

        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertTrue(results.getLast().getExplanation().contains("32 x 32"), results.getLast().getExplanation());
    }
}
