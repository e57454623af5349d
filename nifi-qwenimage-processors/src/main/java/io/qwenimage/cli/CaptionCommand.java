package io.qwenimage.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.pipeline.CaptionPreset;
import io.qwenimage.pipeline.CaptionRequest;
import io.qwenimage.pipeline.CaptionResult;
import io.qwenimage.pipeline.Captioning;
import io.qwenimage.pipeline.GroundingResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Describes pictures. */
@Command(name = "caption", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Describes pictures; the text appears as it comes.")
final class CaptionCommand implements Callable<Integer> {
    @Option(names = "--preset", paramLabel = "NAME", defaultValue = "caption",
            description = "caption, dense-caption, alt-text, tags, ocr or ocr-with-boxes; default ${DEFAULT-VALUE}")
    private String preset;
    @Option(names = "--prompt", paramLabel = "T", description = "a question of your own instead of a preset")
    private String prompt;
    @Option(names = "--schema", paramLabel = "F.json",
            description = "the answer must be JSON that fits this JSON schema; {} lets any JSON pass")
    private Path schema;
    @Option(names = "--retries", paramLabel = "N",
            description = "how often an answer that does not fit is asked for again; default ${DEFAULT-VALUE}")
    private int retries = 2;
    @Mixin
    private VisionOptions options;
    @Spec
    private CommandSpec spec;

    private final EngineFactory engines;

    CaptionCommand(final EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public Integer call() {
        if (options.imageCount() == 0) {
            throw new ParameterException(spec.commandLine(), "no picture is given; name one with --image");
        }
        final String question = prompt == null ? question() : prompt;
        final String form = schema == null ? null : read(schema);
        options.run(engines, true, (pipeline, images, sampling, observer) -> {
            final CaptionResult result = new Captioning(pipeline).ask(new CaptionRequest(images, question,
                    options.maxNewTokens(), sampling, List.of(), form != null, form, retries), observer,
                    Cancellation.NEVER);
            spec.commandLine().getOut().println();
            final ObjectNode json = VisionOptions.describe(JsonNodeFactory.instance.objectNode(), result.answer());
            if (result.json() != null) {
                json.putRawValue("json", new RawValue(result.json()));
            }
            json.putRawValue("boxes", new RawValue(GroundingResult.boxesToJson(result.boxes())));
            return json.put("attempts", result.attempts());
        });
        return 0;
    }

    private String question() {
        final String name = preset.toUpperCase(Locale.ROOT).replace('-', '_');
        return Arrays.stream(CaptionPreset.values()).filter(each -> each.name().equals(name)).findFirst()
                .orElseThrow(() -> new ParameterException(spec.commandLine(), "--preset is " + preset
                        + "; accepted are " + Arrays.stream(CaptionPreset.values())
                        .map(each -> each.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                        .collect(Collectors.joining(", ")))).prompt();
    }

    private static String read(final Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new CommandException("--schema " + file + " cannot be read (" + e + "); name a file with a JSON "
                    + "schema", e);
        }
    }
}
