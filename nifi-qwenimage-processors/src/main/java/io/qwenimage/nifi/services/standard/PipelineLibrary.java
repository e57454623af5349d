package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StandardQwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import io.qwenimage.weights.WeightException;
import java.nio.file.Path;
import java.util.List;

/** The engine's own folders and pipelines. */
final class PipelineLibrary implements ModelLibrary {
    @Override
    public Path demoFolder() {
        return DemoModel.unpack(DemoModel.defaultCache());
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final Backend backend) {
        try (QwenImagePipeline pipeline = open(folder, backend)) {
            final ModelCard card = pipeline.card();
            return List.of(new VerificationStep("Folder", true, folder + " holds " + card.displayName() + " ("
                    + card.id() + ")"));
        } catch (final WeightException e) {
            return List.of(new VerificationStep("Folder", false, e.getMessage()));
        }
    }

    @Override
    public QwenImagePipeline open(final Path folder, final Backend backend) {
        return StandardQwenImagePipeline.open(folder, backend);
    }
}
