package io.qwenimage.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import io.qwenimage.weights.SafetensorsWriter;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that questions to a vision-language model share. */
final class VisionOptions {
    private static final long DRAWN_SEEDS = 1L << 32;

    @Option(names = "--model", paramLabel = "DIR",
            description = "folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model, or of a Qwen-Image pipeline, whose text "
                    + "encoder answers; the embedded demo model if absent")
    private Path model;
    @Option(names = "--image", paramLabel = "F",
            description = "a picture (PNG, JPEG, WebP, GIF, BMP, TIFF); several are shown in their order")
    private List<Path> images = new ArrayList<>();
    @Option(names = "--max-new-tokens", paramLabel = "N",
            description = "longest answer in tokens; default ${DEFAULT-VALUE}")
    private int maxNewTokens = 512;
    @Option(names = "--do-sample",
            description = "draw tokens, as the model's folder recommends, instead of taking the best each time")
    private boolean doSample;
    @Option(names = "--temperature", paramLabel = "X", description = "below 1 favours likely tokens")
    private Double temperature;
    @Option(names = "--top-k", paramLabel = "N", description = "draw from so many of the best tokens; 0 for all")
    private Integer topK;
    @Option(names = "--top-p", paramLabel = "X",
            description = "draw from the best tokens that together have this probability")
    private Double topP;
    @Option(names = "--repetition-penalty", paramLabel = "X",
            description = "above 1 discourages tokens that were seen, without --do-sample too")
    private Double repetitionPenalty;
    @Option(names = "--seed", paramLabel = "S", description = "of the draws; drawn and told if absent")
    private Long seed;
    @Mixin
    private DeviceOptions device = new DeviceOptions();
    @Option(names = "--json", paramLabel = "F", description = "write tokens, text and what was made of it")
    private Path json;
    @Option(names = "--dump", paramLabel = "F.safetensors",
            description = "write pixel_values, vision_embeds, and logits of the last prompt position")
    private Path dump;
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    /** Does a command's work with a model. */
    @FunctionalInterface
    interface Work {
        /**
         * Asks.
         *
         * @param observer keeps tensors for the dump, and shows text if the command streams it
         * @return what {@code --json} holds
         */
        ObjectNode ask(VisionLanguagePipeline pipeline, List<RgbImage> images, SamplingSettings sampling,
                AnswerObserver observer);
    }

    int maxNewTokens() {
        return maxNewTokens;
    }

    int imageCount() {
        return images.size();
    }

    /** Claims the files to write, opens the model, asks, and writes. */
    void run(final EngineFactory engines, final boolean streams, final Work work) {
        checkUsage();
        final PrintWriter out = spec.commandLine().getOut();
        try (OutputFile answers = json == null ? null : OutputFile.claim("--json", json);
                OutputFile tensors = dump == null ? null : OutputFile.claim("--dump", dump)) {
            final List<RgbImage> pictures = images.stream().map(file -> ImageFiles.read("--image", file)).toList();
            try (VisionLanguagePipeline pipeline = engines.openVisionLanguage(model, device)) {
                final AnswerObserver observer = new AnswerObserver(streams ? out : null, dump != null);
                final ObjectNode result = work.ask(pipeline, pictures, sampling(pipeline), observer);
                if (answers != null) {
                    answers.write(stream -> new ObjectMapper().writeValue(stream, result));
                }
                if (tensors != null) {
                    tensors.write(stream -> SafetensorsWriter.write(stream, observer.tensors(), Map.of()));
                }
                tell(pipeline.card());
            }
        }
    }

    /** Adds {@code input_ids}, {@code token_ids}, {@code text} and {@code finished}. */
    static ObjectNode describe(final ObjectNode node, final ChatAnswer answer) {
        final ArrayNode inputIds = node.putArray("input_ids");
        for (final int id : answer.inputIds()) {
            inputIds.add(id);
        }
        final ArrayNode tokenIds = node.putArray("token_ids");
        for (final int id : answer.tokenIds()) {
            tokenIds.add(id);
        }
        return node.put("text", answer.text()).put("finished", answer.finished());
    }

    private void checkUsage() {
        if (!doSample && Stream.of(temperature, topK, topP).anyMatch(Objects::nonNull)) {
            throw new ParameterException(spec.commandLine(),
                    "--temperature, --top-k and --top-p act on tokens that are drawn; add --do-sample");
        }
        if (json != null && dump != null && json.toAbsolutePath().equals(dump.toAbsolutePath())) {
            throw new ParameterException(spec.commandLine(), "--json and --dump both name " + json);
        }
    }

    /** What the model's folder recommends, with what was asked for in its place. */
    private SamplingSettings sampling(final VisionLanguagePipeline pipeline) {
        if (!doSample && repetitionPenalty == null) {
            return null;
        }
        final SamplingSettings own = pipeline.recommendedSampling();
        if (doSample && seed == null) {
            seed = ThreadLocalRandom.current().nextLong(DRAWN_SEEDS);
            spec.commandLine().getErr().println("seed " + seed);
        }
        try {
            return new SamplingSettings(doSample, temperature == null ? own.temperature() : temperature,
                    topK == null ? own.topK() : topK, topP == null ? own.topP() : topP,
                    repetitionPenalty == null ? own.repetitionPenalty() : repetitionPenalty, seed == null ? 0 : seed);
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    private void tell(final VisionLanguageCard card) {
        if (!card.trained()) {
            spec.commandLine().getErr().println("model " + card.displayName() + " is untrained and its answers mean "
                    + "nothing; name a trained one with --model");
        }
    }
}
