package io.qwenimage.nifi.processors;

import io.qwenimage.nifi.FakeModelService;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.Bundles;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.processor.VerifiableProcessor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;

/** A processor on a runner with a model service that lends a fake pipeline. */
final class StageRunner {
    static final String PROMPT = "a red kite over Lisbon";
    private static final String SERVICE = "model";

    final FakePipeline pipeline;
    final FakeModelService service;
    final TestRunner runner;

    /** With a model that makes pictures from text, or one that edits if the processor is for edits alone. */
    StageRunner(final Processor processor) {
        this(processor, processor instanceof EncodeImage ? FakePipeline.EDIT_CARD : FakePipeline.CARD);
    }

    StageRunner(final Processor processor, final ModelCard card) {
        pipeline = new FakePipeline(card);
        service = new FakeModelService(pipeline);
        runner = TestRunners.newTestRunner(processor);
        try {
            runner.addControllerService(SERVICE, service);
        } catch (final InitializationException e) {
            throw new IllegalStateException(e);
        }
        runner.enableControllerService(service);
        runner.setProperty(AbstractStageProcessor.MODEL_SERVICE, SERVICE);
    }

    /** What EncodeText makes of a prompt and a negative prompt. */
    static Bundle encoded() {
        return new FakePipeline().encodeText(new TextRequest(PROMPT, "ugly"), () -> { });
    }

    /** What Denoise makes of it. */
    static Bundle denoised() {
        final Bundle told = encoded().with(Map.of(), Map.of("prompt", PROMPT, "negative_prompt", "ugly"));
        return new FakePipeline().denoise(told, new DenoiseRequest(64, 48, 3, 4.0, 7), StepListener.NONE, () -> { });
    }

    static byte[] bytes(final Bundle bundle) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            Bundles.write(out, bundle);
        } catch (final IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }

    static Bundle bundle(final MockFlowFile flowFile) {
        try {
            return Bundles.read(flowFile.toByteArray());
        } catch (final DataException e) {
            throw new AssertionError("the content is no bundle", e);
        }
    }

    /** The one FlowFile that went to a relationship. */
    MockFlowFile only(final String relationship) {
        runner.assertTransferCount(relationship, 1);
        return runner.getFlowFilesForRelationship(relationship).getFirst();
    }

    List<ConfigVerificationResult> verify(final Map<String, String> attributes) {
        return ((VerifiableProcessor) runner.getProcessor()).verify(runner.getProcessContext(), runner.getLogger(),
                attributes);
    }
}
