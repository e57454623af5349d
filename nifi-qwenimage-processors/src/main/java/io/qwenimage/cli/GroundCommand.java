package io.qwenimage.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.Annotator;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.Grounding;
import io.qwenimage.pipeline.GroundingRequest;
import io.qwenimage.pipeline.GroundingResult;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Finds things in a picture. */
@Command(name = "ground", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Finds things in a picture; prints x1 y1 x2 y2 label of each, in pixels of the picture.")
final class GroundCommand implements Callable<Integer> {
    @Option(names = "--phrase", required = true, paramLabel = "T",
            description = "what to find, a name or a description; may be repeated")
    private List<String> phrases;
    @Option(names = "--annotated", paramLabel = "F",
            description = "write the picture with its boxes; .png, .jpg or .webp decides the format")
    private Path annotated;
    @Mixin
    private VisionOptions options;
    @Spec
    private CommandSpec spec;

    private final EngineFactory engines;

    GroundCommand(final EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public Integer call() {
        if (options.imageCount() != 1) {
            throw new ParameterException(spec.commandLine(), options.imageCount()
                    + " pictures are given; name one with --image");
        }
        final ImageFormat format = format();
        try (OutputFile picture = annotated == null ? null : OutputFile.claim("--annotated", annotated)) {
            options.run(engines, false, (pipeline, images, sampling, observer) -> {
                final GroundingResult result = find(pipeline, images.get(0), sampling, observer);
                if (picture != null) {
                    final RgbImage drawn = Annotator.draw(images.get(0), result.boxes(), result.points());
                    picture.write(out -> ImageEncoder.write(drawn, format, ImageEncoder.DEFAULT_QUALITY,
                            ImageMetadata.NONE, out));
                }
                return json(result);
            });
        }
        return 0;
    }

    private GroundingResult find(final VisionLanguagePipeline pipeline, final RgbImage image,
            final SamplingSettings sampling, final AnswerObserver observer) {
        final GroundingResult result = new Grounding(pipeline).find(new GroundingRequest(image, phrases,
                options.maxNewTokens(), sampling), observer, Cancellation.NEVER);
        final PrintWriter out = spec.commandLine().getOut();
        final PrintWriter err = spec.commandLine().getErr();
        result.boxes().forEach(box -> out.println(box.x1() + " " + box.y1() + " " + box.x2() + " " + box.y2() + " "
                + oneLine(box.label())));
        result.points().forEach(point -> out.println(point.x() + " " + point.y() + " " + oneLine(point.label())));
        if (result.isEmpty()) {
            err.println("nothing was found; the model answered: " + oneLine(result.text()));
        }
        if (!result.finished()) {
            err.println("the answer was cut off after " + options.maxNewTokens()
                    + " tokens, there may be more to find; raise --max-new-tokens");
        }
        return result;
    }

    /** The boxes, and tokens and text of the answer; of several answers in an array. */
    private static ObjectNode json(final GroundingResult result) {
        final ObjectMapper mapper = new ObjectMapper();
        try {
            final ObjectNode json = (ObjectNode) mapper.readTree(result.toJson());
            final List<ChatAnswer> answers = result.answers();
            if (answers.size() == 1) {
                return VisionOptions.describe(json, answers.get(0));
            }
            answers.forEach(answer -> VisionOptions.describe(json.withArray("answers").addObject(), answer));
            return json;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the result of grounding is no JSON", e);
        }
    }

    private ImageFormat format() {
        try {
            return annotated == null ? null : ImageFormat.ofFileName(annotated.toString());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--annotated: " + e.getMessage(), e);
        }
    }

    private static String oneLine(final String text) {
        return text.strip().replaceAll("\\s+", " ");
    }
}
