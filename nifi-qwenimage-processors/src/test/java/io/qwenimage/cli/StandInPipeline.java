package io.qwenimage.cli;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.ScriptedPipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.pipeline.VerificationStep;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Remembers what it was asked for and answers with grey pictures. */
final class StandInPipeline implements QwenImagePipeline, EngineFactory {
    static final ModelCard CARD = new ModelCard("stand-in-1", "Stand-in", true, 16, 64, 48, 3, 2.5, "blurry");

    ModelCard card = CARD;
    Path model;
    String device;
    ImageRequest images;
    TextRequest text;
    DenoiseRequest request;
    RuntimeException decodingFailure;
    List<VerificationStep> findings;
    ScriptedPipeline scripted;
    int opened;
    int closed;

    @Override
    public QwenImagePipeline open(final Path folder, final DeviceOptions options) {
        opened++;
        model = folder;
        device = options.device();
        return this;
    }

    @Override
    public VisionLanguagePipeline openVisionLanguage(final Path folder, final DeviceOptions options) {
        opened++;
        model = folder;
        device = options.device();
        return scripted;
    }

    @Override
    public List<VerificationStep> verify(final Path folder) {
        model = folder;
        return findings;
    }

    @Override
    public ModelCard card() {
        return card;
    }

    @Override
    public Bundle encodeImage(final ImageRequest asked, final Cancellation cancellation) {
        images = asked;
        return new Bundle(Map.of("image_latents.0", HostTensor.ofFloats(Shape.of(1, 1, 1), 5)), Map.of());
    }

    @Override
    public Bundle encodeText(final Bundle pictures, final TextRequest asked, final Cancellation cancellation) {
        return pictures.with(encodeText(asked, cancellation).tensors(), Map.of());
    }

    @Override
    public Bundle encodeText(final TextRequest asked, final Cancellation cancellation) {
        text = asked;
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        tensors.put("prompt_embeds", HostTensor.ofFloats(Shape.of(1, 2), 1, 2));
        if (asked.negativePrompt() != null) {
            tensors.put("negative_prompt_embeds", HostTensor.ofFloats(Shape.of(1, 2), 3, 4));
        }
        return new Bundle(tensors, Map.of());
    }

    @Override
    public Bundle denoise(final Bundle bundle, final DenoiseRequest asked, final StepListener listener,
            final Cancellation cancellation) {
        request = asked;
        for (int step = 0; step < asked.steps(); step++) {
            listener.onStep(step, asked.steps(), HostTensor.ofFloats(Shape.of(1, 2, 2), step, 1, 2, 3));
        }
        return bundle.with(Map.of("latents", HostTensor.ofFloats(Shape.of(1, 1, 1), 0)), Map.of());
    }

    @Override
    public RgbImage decode(final Bundle bundle, final Cancellation cancellation) {
        if (decodingFailure != null) {
            throw decodingFailure;
        }
        final int width = size(request.width(), card.defaultWidth());
        final int height = size(request.height(), card.defaultHeight());
        return new RgbImage(width, height, new byte[width * height * 3]);
    }

    @Override
    public void close() {
        closed++;
    }

    private static int size(final int asked, final int otherwise) {
        return asked == DenoiseRequest.AUTOMATIC ? otherwise : asked / 16 * 16;
    }
}
