package io.qwenimage.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.ChatRequest;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Answers a question about pictures, or about none. */
@Command(name = "chat", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Answers a question about pictures, or about none; the text appears as it comes.")
final class ChatCommand implements Callable<Integer> {
    @Option(names = "--prompt", required = true, paramLabel = "T", description = "what is asked")
    private String prompt;
    @Option(names = "--stop", paramLabel = "T", description = "ends the answer where it begins; may be repeated")
    private List<String> stopStrings = List.of();
    @Mixin
    private VisionOptions options;
    @Spec
    private CommandSpec spec;

    private final EngineFactory engines;

    ChatCommand(final EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public Integer call() {
        options.run(engines, true, (pipeline, images, sampling, observer) -> {
            final ChatAnswer answer = pipeline.chat(new ChatRequest(images, prompt, options.maxNewTokens(), sampling,
                    stopStrings), observer, Cancellation.NEVER);
            spec.commandLine().getOut().println();
            return VisionOptions.describe(JsonNodeFactory.instance.objectNode(), answer);
        });
        return 0;
    }
}
