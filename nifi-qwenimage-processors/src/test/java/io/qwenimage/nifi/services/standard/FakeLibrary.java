package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Opens fake pipelines, and remembers of which folders. */
final class FakeLibrary implements ModelLibrary<QwenImagePipeline> {
    static final Path DEMO = Path.of("demo");

    private final List<Path> folders = new ArrayList<>();
    private final List<FakePipeline> pipelines = new ArrayList<>();
    private List<VerificationStep> findings = List.of(new VerificationStep("Folder", true, "found"));
    private RuntimeException refusal;

    List<Path> folders() {
        return folders;
    }

    List<FakePipeline> pipelines() {
        return pipelines;
    }

    /** What inspections find from now on. */
    void find(final VerificationStep... steps) {
        findings = List.of(steps);
    }

    /** Opens nothing from now on. */
    void refuse(final RuntimeException reason) {
        refusal = reason;
    }

    @Override
    public Path demoFolder() {
        return DEMO;
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final Backend backend) {
        return findings;
    }

    @Override
    public QwenImagePipeline open(final Path folder, final ComponentStore components) {
        if (refusal != null) {
            throw refusal;
        }
        folders.add(folder);
        pipelines.add(new FakePipeline());
        return pipelines.getLast();
    }
}
