package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.nifi.FakeVisionLanguageModelService;
import io.qwenimage.nifi.FakeVisionLanguagePipeline;
import java.util.List;
import java.util.Map;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.VerifiableProcessor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;

/** A processor on a runner with a model service that lends a fake vision-language model. */
final class VisionRunner {
    private static final String SERVICE = "model";

    final FakeVisionLanguagePipeline pipeline = new FakeVisionLanguagePipeline();
    final FakeVisionLanguageModelService service = new FakeVisionLanguageModelService(pipeline);
    final TestRunner runner;

    VisionRunner(final Processor processor) {
        runner = TestRunners.newTestRunner(processor);
        try {
            runner.addControllerService(SERVICE, service);
        } catch (final InitializationException e) {
            throw new IllegalStateException(e);
        }
        runner.enableControllerService(service);
        runner.setProperty(AbstractVisionProcessor.MODEL_SERVICE, SERVICE);
    }

    /** The one FlowFile that went to a relationship. */
    MockFlowFile only(final String relationship) {
        runner.assertTransferCount(relationship, 1);
        return runner.getFlowFilesForRelationship(relationship).getFirst();
    }

    List<ConfigVerificationResult> verify() {
        return ((VerifiableProcessor) runner.getProcessor()).verify(runner.getProcessContext(), runner.getLogger(),
                Map.of());
    }

    /** Nothing has gone anywhere, and the one FlowFile is in its queue as it was. */
    void assertStillQueued(final byte[] content) {
        for (final Relationship relationship : runner.getProcessor().getRelationships()) {
            runner.assertTransferCount(relationship, 0);
        }
        assertEquals(1, runner.getQueueSize().getObjectCount());
        final ProcessSession session = runner.getProcessSessionFactory().createSession();
        final byte[][] read = new byte[1][];
        session.read(session.get(), stream -> read[0] = stream.readAllBytes());
        session.rollback();
        assertArrayEquals(content, read[0]);
        assertEquals(0, service.open(), "every lease is handed back");
    }
}
