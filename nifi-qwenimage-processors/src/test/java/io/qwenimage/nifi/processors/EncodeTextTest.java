package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.TextRequest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EncodeTextTest {
    private static final String PROMPT = StageRunner.PROMPT;

    private final StageRunner stage = new StageRunner(new EncodeText());
    private final TestRunner runner = stage.runner;

    @Test
    void testRunNoFlowFiles() {
        runner.run();

        runner.assertTransferCount(EncodeText.SUCCESS, 0);
        assertEquals(0, stage.service.leases());
    }

    @Test
    void testRunSuccess() {
        runner.enqueue(PROMPT, Map.of("filename", "kite.txt", "qwenimage.error", "of an earlier attempt"));
        runner.run();

        final MockFlowFile result = stage.only("success");
        final Bundle bundle = StageRunner.bundle(result);
        assertEquals(PROMPT.length(), bundle.tensor("prompt_embeds").shape().extent(0));
        assertEquals("ugly".length(), bundle.tensor("negative_prompt_embeds").shape().extent(0));
        assertEquals("fake-1", bundle.metadata().get(Bundle.MODEL_KEY));
        result.assertAttributeEquals("mime.type", "application/x-safetensors");
        result.assertAttributeEquals("filename", "kite.safetensors");
        result.assertAttributeEquals("qwenimage.model", "fake-1");
        result.assertAttributeEquals("qwenimage.model.trained", "true");
        result.assertAttributeEquals("qwenimage.prompt.tokens", Integer.toString(PROMPT.length()));
        result.assertAttributeEquals("qwenimage.negative.prompt.tokens", "4");
        result.assertAttributeNotExists("qwenimage.error");
        assertEquals(0, stage.service.open());
        final List<ProvenanceEventRecord> events = runner.getProvenanceEvents();
        assertEquals(List.of(ProvenanceEventType.CONTENT_MODIFIED),
                events.stream().map(ProvenanceEventRecord::getEventType).toList());
    }

    @Test
    void testRunSuccessPromptProperty() {
        runner.setProperty(EncodeText.PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY);
        runner.setProperty(EncodeText.PROMPT, "a ${animal}");
        runner.setProperty(EncodeText.NEGATIVE_PROMPT, "${avoid}");
        runner.enqueue("not the prompt", Map.of("animal", "cat", "avoid", "dogs"));
        runner.run();

        runner.assertAllFlowFilesTransferred(EncodeText.SUCCESS, 1);
        assertEquals(List.of(new TextRequest("a cat", "dogs")), stage.pipeline.texts());
    }

    @ParameterizedTest
    @MethodSource
    void testRunReadsContentAsPrompt(final String content, final String prompt) {
        runner.enqueue(content);
        runner.run();

        runner.assertAllFlowFilesTransferred(EncodeText.SUCCESS, 1);
        assertEquals(prompt, stage.pipeline.texts().getFirst().prompt());
    }

    static Stream<Arguments> testRunReadsContentAsPrompt() {
        return Stream.of(
                Arguments.of("one line\n", "one line"),
                Arguments.of("one line\r\n\r\n", "one line"),
                Arguments.of("two\nlines", "two\nlines"),
                Arguments.of("blanks stay ", "blanks stay "),
                Arguments.of("\uFEFFbyte order mark", "byte order mark"),
                Arguments.of("里斯本上空的红风筝 \uD83E\uDE81", "里斯本上空的红风筝 \uD83E\uDE81"));
    }

    @ParameterizedTest
    @MethodSource
    void testRunNegativePrompt(final String property, final String expected) {
        runner.setProperty(EncodeText.NEGATIVE_PROMPT, property);
        runner.enqueue(PROMPT);
        runner.run();

        runner.assertAllFlowFilesTransferred(EncodeText.SUCCESS, 1);
        assertEquals(expected, stage.pipeline.texts().getFirst().negativePrompt());
    }

    static Stream<Arguments> testRunNegativePrompt() {
        return Stream.of(
                Arguments.of("${no.such.attribute}", "ugly"),
                Arguments.of(" ", " "),
                Arguments.of("blurry", "blurry"));
    }

    @Test
    void testRunRecordsPromptInBundle() {
        runner.enqueue(PROMPT);
        runner.run();

        final MockFlowFile result = stage.only("success");
        assertEquals(PROMPT, StageRunner.bundle(result).metadata().get("prompt"));
        assertEquals("ugly", StageRunner.bundle(result).metadata().get("negative_prompt"));
        result.assertAttributeNotExists("qwenimage.prompt");
        result.assertAttributeNotExists("qwenimage.negative.prompt");
    }

    @Test
    void testRunRecordsPromptInAttributes() {
        runner.setProperty(EncodeText.RECORD_PROMPT, PromptRecording.BUNDLE_AND_ATTRIBUTES);
        runner.enqueue(PROMPT);
        runner.run();

        final MockFlowFile result = stage.only("success");
        assertEquals(PROMPT, StageRunner.bundle(result).metadata().get("prompt"));
        result.assertAttributeEquals("qwenimage.prompt", PROMPT);
        result.assertAttributeEquals("qwenimage.negative.prompt", "ugly");
    }

    @Test
    void testRunKeepsSecretPrompt() {
        runner.setProperty(EncodeText.RECORD_PROMPT, PromptRecording.NOWHERE);
        runner.enqueue(PROMPT, Map.of("filename", "secret.txt"));
        runner.run();

        final MockFlowFile result = stage.only("success");
        assertFalse(new String(result.toByteArray(), StandardCharsets.ISO_8859_1).contains(PROMPT));
        assertFalse(result.getAttributes().toString().contains(PROMPT));
        for (final ProvenanceEventRecord event : runner.getProvenanceEvents()) {
            assertFalse(event.getDetails().contains(PROMPT), event.getDetails());
        }
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailure(final byte[] content, final String message) {
        runner.enqueue(content);
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        runner.assertAllFlowFilesTransferred(EncodeText.FAILURE);
        assertArrayEquals(content, failed.toByteArray());
        assertTrue(failed.getAttribute("qwenimage.error").contains(message), failed.getAttribute("qwenimage.error"));
        assertTrue(failed.isPenalized());
        assertEquals(0, stage.service.leases(), "a faulty prompt waits for no device");
        assertTrue(runner.getLogger().getErrorMessages().stream().map(LogMessage::getMsg)
                .anyMatch(text -> text.contains("failure")));
    }

    static Stream<Arguments> testRunFailure() {
        return Stream.of(
                Arguments.of(new byte[0], "content is empty"),
                Arguments.of(" \t\r\n".getBytes(StandardCharsets.UTF_8), "content is empty"),
                Arguments.of("x".repeat(1024 * 1024).getBytes(StandardCharsets.UTF_8), "has 1048576 bytes"),
                Arguments.of(new byte[] {'a', (byte) 0xC3, 'b'}, "not UTF-8 text (at byte 1)"));
    }

    @ParameterizedTest
    @MethodSource
    void testRunFailurePromptProperty(final String prompt, final String negative, final String message) {
        runner.setProperty(EncodeText.PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY);
        runner.setProperty(EncodeText.PROMPT, "${prompt}");
        runner.setProperty(EncodeText.NEGATIVE_PROMPT, "${negative}");
        runner.enqueue("content", Map.of("prompt", prompt, "negative", negative));
        runner.run();

        final MockFlowFile failed = stage.only("failure");
        failed.assertContentEquals("content");
        assertTrue(failed.getAttribute("qwenimage.error").contains(message), failed.getAttribute("qwenimage.error"));
    }

    static Stream<Arguments> testRunFailurePromptProperty() {
        final String large = "x".repeat(64 * 1024 + 1);
        return Stream.of(
                Arguments.of("", "", "property Prompt is empty"),
                Arguments.of("  ", "", "property Prompt is empty"),
                Arguments.of(large, "", "property Prompt has 65537 bytes"),
                Arguments.of("a cat", large, "property Negative Prompt has 65537 bytes"));
    }

    @Test
    void testRunMaximumPromptSize() {
        runner.setProperty(EncodeText.MAXIMUM_PROMPT_SIZE, "4 B");
        runner.enqueue("four");
        runner.enqueue("fivers");
        runner.run(2);

        runner.assertTransferCount(EncodeText.SUCCESS, 1);
        runner.assertTransferCount(EncodeText.FAILURE, 1);
    }

    @Test
    void testPromptPropertyIsRequiredOnlyIfChosen() {
        runner.assertValid();
        runner.setProperty(EncodeText.PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY);
        runner.assertNotValid();
        runner.setProperty(EncodeText.PROMPT, "a cat");
        runner.assertValid();
    }

    @Test
    void testVerifySuccessful() {
        final List<ConfigVerificationResult> results = stage.verify(Map.of());

        assertEquals(List.of("Properties", "Model Service", "Forward"),
                results.stream().map(ConfigVerificationResult::getVerificationStepName).toList());
        results.forEach(result -> assertEquals(Outcome.SUCCESSFUL, result.getOutcome(), result.toString()));
        assertEquals(0, stage.service.open());
    }

    @Test
    void testVerifyFailedOnEmptyPrompt() {
        runner.setProperty(EncodeText.PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY);
        runner.setProperty(EncodeText.PROMPT, "${prompt}");

        final List<ConfigVerificationResult> results = stage.verify(Map.of("other", "value"));

        assertEquals(List.of(Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED),
                results.stream().map(ConfigVerificationResult::getOutcome).toList());
        assertEquals(0, stage.service.leases());
        assertNull(stage.pipeline.texts().stream().findAny().orElse(null));
    }
}
