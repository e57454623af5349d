package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.nifi.FakePipeline;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Opens models whose stages compute something small on the device and then make up their results. */
final class ComputingLibrary implements ModelLibrary<QwenImagePipeline> {
    private final AtomicInteger opened = new AtomicInteger();
    private volatile Runnable afterWork = () -> { };

    /** How many models were opened. */
    int opened() {
        return opened.get();
    }

    /** Something to do when a stage has computed. */
    void afterWork(final Runnable action) {
        afterWork = action;
    }

    @Override
    public Path demoFolder() {
        return FakeLibrary.DEMO;
    }

    @Override
    public List<VerificationStep> inspect(final Path folder, final Backend backend) {
        return List.of(new VerificationStep("Folder", true, "found"));
    }

    @Override
    public QwenImagePipeline open(final Path folder, final ComponentStore components) {
        opened.incrementAndGet();
        final FakePipeline pipeline = new FakePipeline();
        pipeline.beforeStage(() -> {
            DeviceTrial.run(components.backend());
            afterWork.run();
        });
        return pipeline;
    }
}
