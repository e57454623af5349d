package io.qwenimage.cli;

import io.qwenimage.pipeline.VerificationStep;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what a model's folder holds and what is wrong with it. */
@Command(name = "verify", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Says what a model folder holds, what is missing or damaged, and what memory it needs.")
final class VerifyCommand implements Callable<Integer> {
    @Option(names = "--model", paramLabel = "DIR", description = "model folder; the embedded demo model if absent")
    private Path model;
    @Spec
    private CommandSpec spec;

    private final EngineFactory engines;

    VerifyCommand(final EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public Integer call() {
        final PrintWriter out = spec.commandLine().getOut();
        final List<VerificationStep> steps = engines.verify(model);
        for (final VerificationStep step : steps) {
            out.println((step.successful() ? "ok      " : "FAILED  ") + step.name() + ": " + step.explanation());
        }
        final List<VerificationStep> failed = steps.stream().filter(step -> !step.successful()).toList();
        if (!failed.isEmpty()) {
            throw new CommandException(failed.size() + " of " + steps.size() + " checks of "
                    + (model == null ? "the demo model" : model) + " failed, the first: "
                    + failed.getFirst().explanation());
        }
        return 0;
    }
}
