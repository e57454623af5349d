package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.List;

/** The engine's own folders and pipelines. */
final class PipelineLibrary implements ModelLibrary {
    @Override
    public Path demoFolder() {
        throw new ServiceUnavailableException("this build has no demo model");
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final long memoryBudget) {
        throw new ServiceUnavailableException("this build has no pipeline");
    }

    @Override
    public QwenImagePipeline open(final Path folder, final Backend backend) {
        throw new ServiceUnavailableException("this build has no pipeline");
    }
}
