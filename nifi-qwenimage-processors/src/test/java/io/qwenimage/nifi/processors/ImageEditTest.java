package io.qwenimage.nifi.processors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.standard.CpuComputeDeviceService;
import io.qwenimage.nifi.services.standard.StandardQwenImageModelService;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.Test;

/** An edit on the CPU with a tiny model that edits, through the services that are shipped. */
class ImageEditTest {
    private static final String TEXT_TO_IMAGE = "src/test/resources/goldens/models/published-bf16-sharded";
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

    @Test
    void testRunSuccessInpaint() throws InitializationException {
        final Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("picture.png", Pictures.png(64, 48, 90));
        files.put("mask.png", Pictures.png(64, 48, 0));
        final MockFlowFile kept = inpaint(files, "0.7");
        files.put("mask.png", Pictures.png(64, 48, 255));
        final MockFlowFile painted = inpaint(files, "0.7");

        final RgbImage picture = ImageDecoder.read(kept.toByteArray());
        assertEquals(64, picture.width());
        assertEquals(48, picture.height());
        assertFalse(Arrays.equals(picture.rgb(), ImageDecoder.read(painted.toByteArray()).rgb()),
                "what is white in the mask is painted anew");
        final byte[] start = inpaint(Map.of("picture.png", files.get("picture.png")), "0.3").toByteArray();
        assertFalse(Arrays.equals(ImageDecoder.read(inpaint(Map.of("picture.png", files.get("picture.png")), "1")
                .toByteArray()).rgb(), ImageDecoder.read(start).rgb()), "the strength counts");
    }

    private static MockFlowFile inpaint(final Map<String, byte[]> files, final String strength)
            throws InitializationException {
        final boolean masked = files.size() == 2;
        final MockFlowFile picture = run(TEXT_TO_IMAGE, new EncodeImage(), Pictures.zip(files), Map.of("Purpose",
                (masked ? PicturePurpose.INPAINT : PicturePurpose.IMAGE_TO_IMAGE).getValue(), "Width", "64",
                "Height", "48"));
        final MockFlowFile encoded = run(TEXT_TO_IMAGE, new EncodeText(), picture.toByteArray(), Map.of(
                "Prompt Source", PromptSource.PICTURES_IN_CONTENT.getValue(), "Prompt", "make it blue"));
        final MockFlowFile denoised = run(TEXT_TO_IMAGE, new Denoise(), encoded.toByteArray(),
                Map.of("Steps", "4", "Seed", "7", "Strength", strength));
        return run(TEXT_TO_IMAGE, new DecodeVAE(), denoised.toByteArray(), Map.of());
    }

    private static MockFlowFile run(final Processor processor, final byte[] content,
            final Map<String, String> properties) throws InitializationException {
        return run(MODEL, processor, content, properties);
    }

    private static MockFlowFile run(final String folder, final Processor processor, final byte[] content,
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
        runner.setProperty(model, "Model Folder", folder);
        runner.enableControllerService(model);
        runner.setProperty(AbstractStageProcessor.MODEL_SERVICE, "model");
        properties.forEach(runner::setProperty);
        runner.enqueue(content);
        runner.run(1, true, true, 60_000);
        runner.disableControllerService(model);
        runner.disableControllerService(device);
        assertEquals(List.of(), runner.getFlowFilesForRelationship("failure").stream()
                .map(failed -> failed.getAttribute("qwenimage.error")).toList());
        runner.assertTransferCount("success", 1);
        return runner.getFlowFilesForRelationship("success").getFirst();
    }
}
