package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.StandardVisionLanguagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import io.qwenimage.pipeline.VisionLanguageInspection;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.nio.file.Path;
import java.util.List;

/** The engine's own folders and vision-language models. */
final class VisionLanguageLibrary implements ModelLibrary<VisionLanguagePipeline> {
    @Override
    public Path demoFolder() {
        return DemoModel.unpack(DemoModel.defaultCache());
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final Backend backend) {
        return VisionLanguageInspection.inspect(folder, backend.memory().budget());
    }

    @Override
    public VisionLanguagePipeline open(final Path folder, final ComponentStore components) {
        return StandardVisionLanguagePipeline.open(folder, components);
    }
}
