package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.FlowFileAccessException;
import org.apache.nifi.processor.exception.ProcessException;
import org.apache.nifi.processor.exception.TerminatedTaskException;
import org.apache.nifi.util.TestRunner;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Which fault goes where, for every stage. */
class AbstractStageProcessorTest {
    /** The processors, each with an input that it takes. */
    enum Stage {
        ENCODE_IMAGE(EncodeImage::new, Pictures.png(48, 32, 9)),
        ENCODE_TEXT(EncodeText::new, StageRunner.PROMPT.getBytes(StandardCharsets.UTF_8)),
        DENOISE(Denoise::new, StageRunner.bytes(StageRunner.encoded())),
        DECODE_VAE(DecodeVAE::new, StageRunner.bytes(StageRunner.denoised()));

        private final Supplier<AbstractStageProcessor> processor;
        private final byte[] input;

        Stage(final Supplier<AbstractStageProcessor> processor, final byte[] input) {
            this.processor = processor;
            this.input = input;
        }
    }

    static Stream<Arguments> resourceFaults() {
        final List<Throwable> faults = List.of(
                new ResourceExhaustedException("asked for 3 GiB, free are 2 GiB; lower the size"),
                new WeightException("transformer/model-00002.safetensors is missing; download it again"),
                new ServiceUnavailableException("the compute device service is disabled; enable it"),
                new OutOfMemoryError("Java heap space"),
                new StackOverflowError(),
                new FlowFileAccessException("No space left on device"));
        return Stream.of(Stage.values()).flatMap(stage -> faults.stream().map(fault -> Arguments.of(stage, fault)));
    }

    @ParameterizedTest
    @MethodSource("resourceFaults")
    void testRunRollbackOnResourceFault(final Stage stage, final Throwable fault) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.pipeline.beforeStage(() -> AbstractStageProcessorTest.<RuntimeException>raise(fault));
        runner.runner.enqueue(stage.input);
        runner.runner.run();

        assertStillQueued(runner, stage.input);
        assertTrue(runner.runner.isYieldCalled());
        assertEquals(1, runner.runner.getPenalizedFlowFiles().size(), "others have their turn first");
        final String bulletin = runner.runner.getLogger().getErrorMessages().getFirst().getMsg();
        assertTrue(bulletin.contains("stays in its queue"), bulletin);
        if (fault instanceof RuntimeException) {
            assertTrue(bulletin.contains(fault.getMessage()), bulletin);
        }

        runner.pipeline.beforeStage(() -> { });
        runner.runner.run();
        assertTrue(runner.runner.isQueueEmpty());
        runner.runner.assertTransferCount("success", 1);
    }

    @ParameterizedTest
    @EnumSource
    void testRunRollbackOnServiceFault(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.service.refuse(new WeightException("the folder is incomplete"));
        runner.runner.enqueue(stage.input);
        runner.runner.run();

        assertStillQueued(runner, stage.input);
        assertTrue(runner.runner.isYieldCalled());
    }

    @ParameterizedTest
    @EnumSource
    void testRunRollbackOnCancellation(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.pipeline.beforeStage(() -> {
            throw new CancellationException("the processor was stopped");
        });
        runner.runner.enqueue(stage.input);
        runner.runner.run();

        assertStillQueued(runner, stage.input);
        assertFalse(runner.runner.isYieldCalled());
        assertTrue(runner.runner.getPenalizedFlowFiles().isEmpty());
        assertTrue(runner.runner.getLogger().getErrorMessages().isEmpty());
    }

    @ParameterizedTest
    @EnumSource
    void testRunRollbackOnUnexpectedFault(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.pipeline.beforeStage(() -> {
            throw new IllegalStateException("nobody thought of this");
        });
        runner.runner.enqueue(stage.input);

        assertThrows(AssertionError.class, runner.runner::run);
        assertStillQueued(runner, stage.input);
    }

    @ParameterizedTest
    @EnumSource
    void testRunRollbackOnFullDisk(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        final AbstractStageProcessor processor = (AbstractStageProcessor) runner.runner.getProcessor();
        processor.updateScheduledTrue();
        runner.runner.enqueue(stage.input);
        processor.onTrigger(runner.runner.getProcessContext(), failingOnWrite(runner.runner,
                new ProcessException("IOException thrown", new IOException("No space left on device"))));

        assertStillQueued(runner, stage.input);
        assertTrue(runner.runner.isYieldCalled());
        final String bulletin = runner.runner.getLogger().getErrorMessages().getFirst().getMsg();
        assertTrue(bulletin.contains("No space left on device") && bulletin.contains("content repository"), bulletin);
    }

    @ParameterizedTest
    @EnumSource
    void testRunTerminatedIsLeftToTheFramework(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        final AbstractStageProcessor processor = (AbstractStageProcessor) runner.runner.getProcessor();
        processor.updateScheduledTrue();
        runner.runner.enqueue(stage.input);

        assertThrows(TerminatedTaskException.class, () -> processor.onTrigger(runner.runner.getProcessContext(),
                failingOnWrite(runner.runner, new TerminatedTaskException())));
        assertEquals(0, runner.service.open());
        assertTrue(runner.runner.getLogger().getErrorMessages().isEmpty());
    }

    @ParameterizedTest
    @EnumSource
    void testVerifyFailedWithoutModel(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.service.refuse(new ServiceUnavailableException("the model service is not enabled"));

        final List<ConfigVerificationResult> results = runner.verify(Map.of());

        assertEquals(List.of(Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.SKIPPED),
                results.stream().map(ConfigVerificationResult::getOutcome).toList());
        assertTrue(results.get(1).getExplanation().contains("the model service is not enabled; enable it"),
                results.get(1).getExplanation());
    }

    @ParameterizedTest
    @EnumSource
    void testVerifyFailedForward(final Stage stage) {
        final StageRunner runner = new StageRunner(stage.processor.get());
        runner.pipeline.beforeStage(() -> {
            throw new ResourceExhaustedException("asked for 3 GiB, free are 2 GiB");
        });

        final List<ConfigVerificationResult> results = runner.verify(Map.of());

        assertEquals(Outcome.FAILED, results.getLast().getOutcome());
        assertEquals("asked for 3 GiB, free are 2 GiB", results.getLast().getExplanation());
        assertEquals(0, runner.service.open());
    }

    private static void assertStillQueued(final StageRunner runner, final byte[] content) {
        for (final String relationship : List.of("success", "failure", "original")) {
            runner.runner.assertTransferCount(relationship, 0);
        }
        assertEquals(1, runner.runner.getQueueSize().getObjectCount());
        final ProcessSession session = runner.runner.getProcessSessionFactory().createSession();
        final byte[][] read = new byte[1][];
        session.read(session.get(), stream -> read[0] = stream.readAllBytes());
        session.rollback();
        assertArrayEquals(content, read[0]);
        assertEquals(0, runner.service.open(), "every lease is handed back");
    }

    private static ProcessSession failingOnWrite(final TestRunner runner, final RuntimeException fault) {
        final ProcessSession session = runner.getProcessSessionFactory().createSession();
        return (ProcessSession) Proxy.newProxyInstance(ProcessSession.class.getClassLoader(),
                new Class<?>[] {ProcessSession.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("write")) {
                        throw fault;
                    }
                    try {
                        return method.invoke(session, arguments);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void raise(final Throwable fault) throws T {
        throw (T) fault;
    }
}
