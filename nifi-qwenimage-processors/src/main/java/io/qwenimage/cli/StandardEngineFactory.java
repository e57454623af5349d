package io.qwenimage.cli;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.ChatRequest;
import io.qwenimage.pipeline.DemoModel;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.FolderInspection;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StandardQwenImagePipeline;
import io.qwenimage.pipeline.StandardVisionLanguagePipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.pipeline.VerificationStep;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.nio.file.Path;
import java.util.List;

/** The engine itself. */
final class StandardEngineFactory implements EngineFactory {
    @Override
    public QwenImagePipeline open(final Path model, final DeviceOptions device) {
        final Path folder = folder(model);
        final Backend backend = device.open();
        try {
            return new OwningPipeline(StandardQwenImagePipeline.open(folder, backend), backend);
        } catch (RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    @Override
    public List<VerificationStep> verify(final Path model) {
        return FolderInspection.inspect(folder(model), CpuOptions.defaults().memoryBudget());
    }

    @Override
    public VisionLanguagePipeline openVisionLanguage(final Path model, final DeviceOptions device) {
        final Path folder = folder(model);
        final Backend backend = device.open();
        try {
            return new OwningVisionLanguagePipeline(StandardVisionLanguagePipeline.open(folder, backend), backend);
        } catch (RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    private static Path folder(final Path model) {
        return model == null ? DemoModel.unpack(DemoModel.defaultCache()) : model;
    }

    /** A pipeline that takes its backend with it when it is closed. */
    private record OwningPipeline(QwenImagePipeline pipeline, Backend backend) implements QwenImagePipeline {
        @Override
        public ModelCard card() {
            return pipeline.card();
        }

        @Override
        public Bundle encodeImage(final ImageRequest request, final Cancellation cancellation) {
            return pipeline.encodeImage(request, cancellation);
        }

        @Override
        public Bundle encodeText(final Bundle pictures, final TextRequest request, final Cancellation cancellation) {
            return pipeline.encodeText(pictures, request, cancellation);
        }

        @Override
        public Bundle encodeText(final TextRequest request, final Cancellation cancellation) {
            return pipeline.encodeText(request, cancellation);
        }

        @Override
        public Bundle denoise(final Bundle bundle, final DenoiseRequest request, final StepListener listener,
                final Cancellation cancellation) {
            return pipeline.denoise(bundle, request, listener, cancellation);
        }

        @Override
        public RgbImage decode(final Bundle bundle, final Cancellation cancellation) {
            return pipeline.decode(bundle, cancellation);
        }

        @Override
        public String residency() {
            return pipeline.residency();
        }

        @Override
        public void close() {
            pipeline.close();
            backend.close();
        }
    }

    /** The same for a model that answers questions. */
    private record OwningVisionLanguagePipeline(VisionLanguagePipeline pipeline, Backend backend)
            implements VisionLanguagePipeline {
        @Override
        public VisionLanguageCard card() {
            return pipeline.card();
        }

        @Override
        public ImageSize resizedSize(final ImageSize original) {
            return pipeline.resizedSize(original);
        }

        @Override
        public SamplingSettings recommendedSampling() {
            return pipeline.recommendedSampling();
        }

        @Override
        public ChatAnswer chat(final ChatRequest request, final ChatObserver observer,
                final Cancellation cancellation) {
            return pipeline.chat(request, observer, cancellation);
        }

        @Override
        public void close() {
            pipeline.close();
            backend.close();
        }
    }
}
