package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.FolderInspection;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StandardQwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.List;

/** The engine's own folders and pipelines. */
final class PipelineLibrary implements ModelLibrary<QwenImagePipeline> {
    @Override
    public Path demoFolder() {
        return DemoModel.unpack(DemoModel.defaultCache());
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final Backend backend) {
        return FolderInspection.inspect(folder, backend);
    }

    @Override
    public QwenImagePipeline open(final Path folder, final ComponentStore components) {
        return StandardQwenImagePipeline.open(folder, components);
    }
}
