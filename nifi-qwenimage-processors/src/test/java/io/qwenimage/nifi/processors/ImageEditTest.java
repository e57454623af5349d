package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.standard.CpuComputeDeviceService;
import io.qwenimage.nifi.services.standard.StandardQwenImageModelService;
import java.util.Map;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.Test;

/** An edit on the CPU with a tiny model that edits, through the services that are shipped. */
class ImageEditTest {
    private static final String MODEL = "src/test/resources/goldens-vision/models/edit-bf16";

    @Test
    void testRunSuccess() throws InitializationException {
        final MockFlowFile pictures = run(new EncodeImage(), Pictures.png(70, 50, 90), Map.of());
        pictures.assertAttributeEquals("qwenimage.pictures", "1");
        final MockFlowFile encoded = run(new EncodeText(), pictures.toByteArray(), Map.of(
                "Prompt Source", PromptSource.PICTURES_IN_CONTENT.getValue(), "Prompt", "make it blue"));
        final Map<String, String> settings = Map.of("Width", "64", "Height", "48", "Steps", "2", "Seed", "7");
        final MockFlowFile denoised = run(new Denoise(), encoded.toByteArray(), settings);
        final byte[] first = run(new DecodeVAE(), denoised.toByteArray(), Map.of()).toByteArray();
        final byte[] second = run(new DecodeVAE(), run(new Denoise(), encoded.toByteArray(), settings).toByteArray(),
                Map.of()).toByteArray();

        final RgbImage picture = ImageDecoder.read(first);
        assertEquals(64, picture.width());
        assertEquals(48, picture.height());
        assertArrayEquals(first, second, "the same picture, prompt and seed give the same file");
    }

    private static MockFlowFile run(final Processor processor, final byte[] content,
            final Map<String, String> properties) throws InitializationException {
        final CpuComputeDeviceService device = new CpuComputeDeviceService();
        final StandardQwenImageModelService model = new StandardQwenImageModelService();
        final TestRunner runner = TestRunners.newTestRunner(processor);
        runner.addControllerService("device", device);
        runner.setProperty(device, "Threads", "2");
        runner.enableControllerService(device);
        runner.addControllerService("model", model);
        runner.setProperty(model, "Compute Device Service", "device");
        runner.setProperty(model, "Model Source", "FOLDER");
        runner.setProperty(model, "Model Folder", MODEL);
        runner.enableControllerService(model);
        runner.setProperty(AbstractStageProcessor.MODEL_SERVICE, "model");
        properties.forEach(runner::setProperty);
        runner.enqueue(content);
        runner.run(1, true, true, 60_000);
        runner.disableControllerService(model);
        runner.disableControllerService(device);
        runner.assertTransferCount("success", 1);
        return runner.getFlowFilesForRelationship("success").getFirst();
    }
}
