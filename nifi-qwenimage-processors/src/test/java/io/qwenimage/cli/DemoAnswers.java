package io.qwenimage.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.CaptionPreset;
import io.qwenimage.pipeline.CaptionRequest;
import io.qwenimage.pipeline.Captioning;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.Grounding;
import io.qwenimage.pipeline.GroundingRequest;
import io.qwenimage.pipeline.GroundingResult;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the engine makes of the held-out prompts and pictures that {@code src/demo/python/evaluate.py} wrote, in one
 * process: the same as so many runs of {@code generate}, {@code caption} and {@code ground}.
 */
public final class DemoAnswers {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST_ANSWER = 128;

    private DemoAnswers() {
    }

    /** Arguments: the model's folder, the folder with tasks.json, the folder to write to. */
    public static void main(final String[] arguments) throws IOException {
        final Path model = Path.of(arguments[0]);
        final Path tasks = Path.of(arguments[1]);
        final Path output = Files.createDirectories(Path.of(arguments[2]));
        final JsonNode asked = JSON.readTree(tasks.resolve("tasks.json").toFile());
        final EngineFactory engines = new StandardEngineFactory();
        try (QwenImagePipeline pipeline = engines.open(model, new DeviceOptions())) {
            for (final JsonNode prompt : asked.path("prompts")) {
                final RgbImage picture = picture(pipeline, prompt.path("text").asText(), prompt.path("seed").asLong());
                try (OutputStream file = Files.newOutputStream(output.resolve(prompt.path("file").asText()))) {
                    ImageEncoder.write(picture, ImageFormat.PNG, 1, ImageMetadata.NONE, file);
                }
            }
        }
        final ArrayNode answers = JSON.createArrayNode();
        try (VisionLanguagePipeline pipeline = engines.openVisionLanguage(model, new DeviceOptions())) {
            for (final JsonNode question : asked.path("questions")) {
                final RgbImage picture = ImageFiles.read("picture", tasks.resolve(question.path("file").asText()));
                answers.addObject().put("caption", caption(pipeline, picture))
                        .putRawValue("boxes", new RawValue(boxes(pipeline, picture, question.path("phrase").asText())));
            }
        }
        JSON.writeValue(output.resolve("answers.json").toFile(), answers);
    }

    private static RgbImage picture(final QwenImagePipeline pipeline, final String prompt, final long seed) {
        final ModelCard card = pipeline.card();
        final Bundle encoded = pipeline.encodeText(new TextRequest(prompt, card.defaultNegativePrompt()),
                Cancellation.NEVER);
        final Bundle denoised = pipeline.denoise(encoded, new DenoiseRequest(card.defaultWidth(), card.defaultHeight(),
                card.defaultSteps(), card.defaultTrueCfgScale(), seed, DenoiseRequest.DEFAULT_STRENGTH),
                StepListener.NONE, Cancellation.NEVER);
        return pipeline.decode(denoised, Cancellation.NEVER);
    }

    private static String caption(final VisionLanguagePipeline pipeline, final RgbImage picture) {
        return new Captioning(pipeline).ask(CaptionRequest.text(List.of(picture), CaptionPreset.CAPTION.prompt(),
                LONGEST_ANSWER, null), ChatObserver.NONE, Cancellation.NEVER).content();
    }

    private static String boxes(final VisionLanguagePipeline pipeline, final RgbImage picture, final String phrase) {
        return GroundingResult.boxesToJson(new Grounding(pipeline).find(new GroundingRequest(picture, List.of(phrase),
                LONGEST_ANSWER, null), ChatObserver.NONE, Cancellation.NEVER).boxes());
    }
}
