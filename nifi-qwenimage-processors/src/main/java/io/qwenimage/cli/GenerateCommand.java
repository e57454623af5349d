package io.qwenimage.cli;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.PackedLatents;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.SafetensorsWriter;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Makes a picture from a prompt. */
@Command(name = "generate", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Makes a picture from a prompt.")
final class GenerateCommand implements Callable<Integer> {
    /** Seeds that are drawn fit everywhere a seed is typed. */
    private static final long DRAWN_SEEDS = 1L << 32;

    @Option(names = "--model", paramLabel = "DIR",
            description = "model folder as published (it holds model_index.json); the embedded demo model if absent")
    private Path model;
    @Option(names = "--prompt", required = true, paramLabel = "T", description = "what the picture shows")
    private String prompt;
    @Option(names = "--negative-prompt", paramLabel = "T",
            description = "what it must not show; without one there is no guidance")
    private String negativePrompt;
    @Option(names = "--image", paramLabel = "F",
            description = "a picture to be edited, PNG, JPEG, WebP, GIF, TIFF or BMP; repeat the option for several, "
                    + "which the prompt calls Picture 1, Picture 2, ...")
    private List<Path> images = List.of();
    @Option(names = "--strength", paramLabel = "X",
            description = "paint over the one --image with a model that makes pictures from text: 0 keeps it, 1 "
                    + "forgets it, usual is 0.6")
    private Double strength;
    @Option(names = "--mask", paramLabel = "F", description = "with --strength: a picture, white where to paint")
    private Path mask;
    @Option(names = "--width", paramLabel = "W", description = "in pixels")
    private Integer width;
    @Option(names = "--height", paramLabel = "H", description = "in pixels")
    private Integer height;
    @Option(names = "--steps", paramLabel = "N", description = "number of denoising steps")
    private Integer steps;
    @Option(names = "--true-cfg-scale", paramLabel = "X", description = "strength of guidance; none up to 1")
    private Double trueCfgScale;
    @Option(names = "--seed", paramLabel = "S", description = "of the noise; drawn and told if absent")
    private Long seed;
    @Option(names = "--max-sequence-length", paramLabel = "N",
            description = "tokens of a prompt that are kept; default ${DEFAULT-VALUE}")
    private int maxSequenceLength = TextRequest.MAXIMUM_TOKENS;
    @Mixin
    private DeviceOptions device = new DeviceOptions();
    @Option(names = "--output", required = true, paramLabel = "F",
            description = "the picture; .png, .jpg or .webp decides the format")
    private Path output;
    @Option(names = "--quality", paramLabel = "Q",
            description = "of JPEG and WebP, 0 to 1; WebP is lossless at 1; default ${DEFAULT-VALUE}")
    private float quality = ImageEncoder.DEFAULT_QUALITY;
    @Option(names = "--metadata", negatable = true, defaultValue = "true", fallbackValue = "true",
            description = "write prompt, seed and settings, and that a model made it, into the picture; on by default")
    private boolean metadata;
    @Option(names = "--prompt-metadata", negatable = true, defaultValue = "true", fallbackValue = "true",
            description = "write the prompts among the metadata; on by default")
    private boolean promptMetadata;
    @Option(names = "--dump", paramLabel = "F.safetensors",
            description = "write embeddings, and latents after every step")
    private Path dump;
    @Option(names = "--verbose", description = "tell what happens, on standard error")
    private boolean verbose;
    @Spec
    private CommandSpec spec;

    private final EngineFactory engines;

    GenerateCommand(final EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public Integer call() {
        final ImageFormat format = format();
        if (dump != null && dump.toAbsolutePath().equals(output.toAbsolutePath())) {
            throw new ParameterException(spec.commandLine(), "--dump and --output both name " + output);
        }
        try (OutputFile picture = OutputFile.claim("--output", output);
                OutputFile tensors = dump == null ? null : OutputFile.claim("--dump", dump);
                QwenImagePipeline pipeline = engines.open(model, device)) {
            final ModelCard card = pipeline.card();
            final ImageRequest pictures = pictures(card);
            final DenoiseRequest request = request(card);
            final TextRequest text = text(card, request);
            final Map<String, HostTensor> dumped = new LinkedHashMap<>();
            final RgbImage image = generate(pipeline, pictures, text, request, dumped);
            picture.write(out -> ImageEncoder.write(image, format, quality, metadata(card, text, request, image),
                    out));
            if (tensors != null) {
                tensors.write(out -> SafetensorsWriter.write(out, dumped, Map.of()));
            }
            tell(card, request, image);
        }
        spec.commandLine().getOut().println(output);
        return 0;
    }

    private ImageFormat format() {
        if (!(quality >= 0 && quality <= 1)) {
            throw new ParameterException(spec.commandLine(), "--quality is " + quality + "; accepted is 0 to 1");
        }
        try {
            return ImageFormat.ofFileName(output.toString());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--output: " + e.getMessage(), e);
        }
    }

    /** What was asked for, filled up with what the model's folder recommends. */
    private DenoiseRequest request(final ModelCard card) {
        final double scale = trueCfgScale == null ? card.defaultTrueCfgScale() : trueCfgScale;
        if (!Double.isFinite(scale)) {
            throw new CommandException("--true-cfg-scale is " + scale + "; give a finite number, usual is 1 to 7");
        }
        return new DenoiseRequest(size(width, card, card.defaultWidth()), size(height, card, card.defaultHeight()),
                steps == null ? card.defaultSteps() : steps, scale,
                seed == null ? ThreadLocalRandom.current().nextLong(DRAWN_SEEDS) : seed,
                strength == null ? DenoiseRequest.DEFAULT_STRENGTH : strength);
    }

    /** The size of an edit follows from its pictures. */
    private static int size(final Integer asked, final ModelCard card, final int recommended) {
        if (asked != null) {
            return asked;
        }
        return card.edits() ? DenoiseRequest.AUTOMATIC : recommended;
    }

    /** What the pictures are for: an edit, or image-to-image; null if there are none. */
    private ImageRequest pictures(final ModelCard card) {
        if (strength == null && mask != null) {
            throw new ParameterException(spec.commandLine(), "--mask needs --strength, such as --strength "
                    + DenoiseRequest.DEFAULT_STRENGTH);
        }
        if (strength != null && (card.edits() || images.size() != 1)) {
            throw new CommandException("--strength needs one --image and a model that makes pictures from text; --image"
                    + " is given " + images.size() + " times and " + card.displayName()
                    + (card.edits() ? " edits pictures: leave --strength out" : " does"));
        }
        if (strength == null && card.edits() && images.isEmpty()) {
            throw new CommandException("--image is missing: " + card.displayName() + " edits pictures; give 1 to "
                    + card.maximumPictures());
        }
        if (strength == null && images.size() > card.maximumPictures()) {
            throw new CommandException("--image is given " + images.size() + " times but " + card.displayName()
                    + (card.edits() ? " edits 1 to " + card.maximumPictures() + " pictures; leave some out"
                    : " makes pictures from text alone; name a model that edits with --model, such as "
                    + "Qwen-Image-Edit, or begin with the picture by --strength"));
        }
        if (images.isEmpty()) {
            return null;
        }
        final List<RgbImage> read = images.stream().map(file -> ImageFiles.read("--image", file)).toList();
        return strength == null ? new ImageRequest(read) : new ImageRequest(read, new ImageRequest.Start(
                mask == null ? null : ImageFiles.read("--mask", mask), size(width, card, card.defaultWidth()),
                size(height, card, card.defaultHeight())));
    }

    /** The prompts; the negative one only where there is guidance, as the reference looks at it only then. */
    private TextRequest text(final ModelCard card, final DenoiseRequest request) {
        final String avoided = negativePrompt == null ? card.defaultNegativePrompt() : negativePrompt;
        return new TextRequest(prompt, request.trueCfgScale() > 1 ? avoided : null, maxSequenceLength);
    }

    private RgbImage generate(final QwenImagePipeline pipeline, final ImageRequest pictures, final TextRequest text,
            final DenoiseRequest request, final Map<String, HostTensor> dumped) {
        final Progress progress = new Progress(spec.commandLine().getErr(), verbose);
        progress.say(pipeline.card().displayName() + ", seed " + request.seed() + ", " + request.steps() + " steps, "
                + (text.negativePrompt() == null ? "no guidance" : "guidance " + request.trueCfgScale()));
        final Bundle encoded = pictures == null ? pipeline.encodeText(text, Cancellation.NEVER)
                : pipeline.encodeText(pipeline.encodeImage(pictures, Cancellation.NEVER), text, Cancellation.NEVER);
        for (final String name : List.of("prompt_embeds", "negative_prompt_embeds")) {
            if (encoded.has(name)) {
                dumped.put(name, encoded.tensor(name));
            }
        }
        final Bundle denoised = pipeline.denoise(encoded, request, (step, steps, latents) -> {
            if (step == 0 && !pipeline.residency().isEmpty()) {
                progress.say(pipeline.residency());
            }
            progress.step(step, steps);
            if (dump != null && images.isEmpty()) {
                dumped.put("latents." + step, latents);
            } else if (dump != null) {
                dumped.put("packed_latents." + step, PackedLatents.of(latents));
            }
        }, Cancellation.NEVER);
        return pipeline.decode(denoised, Cancellation.NEVER);
    }

    private ImageMetadata metadata(final ModelCard card, final TextRequest text, final DenoiseRequest request,
            final RgbImage image) {
        if (!metadata) {
            return ImageMetadata.NONE;
        }
        return new ImageMetadata(promptMetadata ? text.prompt() : null,
                promptMetadata ? text.negativePrompt() : null, request.seed(), request.steps(),
                request.trueCfgScale(), card.displayName(), image.width(), image.height(),
                ImageMetadata.TRAINED_ALGORITHMIC_MEDIA, ProductVersion.text());
    }

    /** What was not asked for so, once the picture is there. */
    private void tell(final ModelCard card, final DenoiseRequest request, final RgbImage image) {
        final PrintWriter err = spec.commandLine().getErr();
        if (seed == null) {
            err.println("seed " + request.seed());
        }
        if (isRounded(request.width(), image.width()) || isRounded(request.height(), image.height())) {
            err.println("size " + (width == null ? image.width() : width) + " x "
                    + (height == null ? image.height() : height) + " was rounded to " + image.width() + " x "
                    + image.height() + "; this model makes multiples of " + card.sizeMultiple());
        }
        if (!card.trained()) {
            err.println("model " + card.displayName() + " is untrained and shows noise; name a trained one with "
                    + "--model");
        }
    }

    private static boolean isRounded(final int requested, final int made) {
        return requested != DenoiseRequest.AUTOMATIC && requested != made;
    }
}
