package io.qwenimage.cli;

import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.nio.file.Path;
import java.util.List;

/** Opens what the commands work with, so that tests can put a stand-in there. */
interface EngineFactory {
    /**
     * Opens a model on a device.
     *
     * @param model  the folder, or null for the embedded demo model
     * @param device where it computes
     * @return the caller closes it, and with it everything that was opened for it
     * @throws CommandException if there is no such device
     */
    QwenImagePipeline open(Path model, DeviceOptions device);

    /**
     * Opens a model that answers questions about pictures.
     *
     * @param model  folder of a Qwen-VL model, or of a Qwen-Image pipeline, whose text encoder answers; null for the
     *               embedded demo model
     * @param device where it computes
     * @return the caller closes it, and with it everything that was opened for it
     * @throws CommandException if there is no such device
     */
    VisionLanguagePipeline openVisionLanguage(Path model, DeviceOptions device);

    /**
     * What is found in a model's folder, check by check.
     *
     * @param model the folder, or null for the embedded demo model
     */
    List<VerificationStep> verify(Path model);
}
