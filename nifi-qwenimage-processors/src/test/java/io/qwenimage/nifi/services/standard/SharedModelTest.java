package io.qwenimage.nifi.services.standard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.nifi.services.TinyQuestion;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.NoOpProcessor;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Both model services over one folder on one device: the text encoder is in memory once. */
class SharedModelTest {
    private final CpuComputeDeviceService device = new CpuComputeDeviceService();
    private final StandardQwenImageModelService images = new StandardQwenImageModelService();
    private final StandardQwenVisionLanguageModelService questions = new StandardQwenVisionLanguageModelService();
    private final TestRunner runner = TestRunners.newTestRunner(NoOpProcessor.class);

    @BeforeEach
    void enable() throws InitializationException {
        runner.addControllerService("device", device);
        runner.setProperty(device, CpuComputeDeviceService.THREADS, "1");
        runner.enableControllerService(device);
        runner.addControllerService("images", images);
        runner.setProperty(images, AbstractModelService.COMPUTE_DEVICE_SERVICE, "device");
        runner.enableControllerService(images);
        runner.addControllerService("questions", questions);
        runner.setProperty(questions, AbstractModelService.COMPUTE_DEVICE_SERVICE, "device");
        runner.enableControllerService(questions);
    }

    @AfterEach
    void disable() {
        runner.disableControllerService(device);
    }

    @Test
    void testPromptsAndQuestionsShareOneModel() {
        final long before = ask();
        final long both = encode();
        assertEquals(before, both, "a prompt needs no weights that questions have not loaded");

        runner.disableControllerService(questions);
        final long prompts = weights();
        assertTrue(prompts > 0 && prompts < both, prompts + " of " + both + " bytes stay for prompts");
        assertEquals(prompts, encode());

        runner.enableControllerService(questions);
        assertEquals(both, ask());
        runner.disableControllerService(images);
        assertEquals(before, weights(), "questions keep what they need");
        assertEquals(before, ask());
        runner.disableControllerService(questions);
        assertEquals(0, weights());
    }

    private long ask() {
        try (ModelLease<VisionLanguagePipeline> lease = questions.acquire(Cancellation.NEVER)) {
            new TinyQuestion(lease.pipeline()).ask();
        }
        return weights();
    }

    private long encode() {
        try (ModelLease<QwenImagePipeline> lease = images.acquire(Cancellation.NEVER)) {
            new TinyForward(lease.pipeline()).encode();
        }
        return weights();
    }

    private long weights() {
        try (DeviceLease lease = device.acquire()) {
            return lease.backend().memory().weights();
        }
    }
}
