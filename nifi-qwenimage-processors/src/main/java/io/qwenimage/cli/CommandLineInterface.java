package io.qwenimage.cli;

import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.image.ImageException;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The commands. Exit status 0 for success; 1 with one line on standard error that names the thing, the value and the
 * remedy; 2, with one line too, for wrong usage.
 */
@Command(name = "qwenimage", mixinStandardHelpOptions = true, versionProvider = ProductVersion.class,
        description = "Runs Qwen-Image on this machine.")
public final class CommandLineInterface {
    private static final int FAILURE = 1;
    private static final int WRONG_USAGE = 2;
    private static final String LOG_LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";

    private CommandLineInterface() {
    }

    /** Runs a command and ends the process with its exit status. */
    public static void main(final String[] arguments) {
        if (System.getProperty(LOG_LEVEL) == null) {
            System.setProperty(LOG_LEVEL, "error");
        }
        // Pictures are encoded without a display.
        System.setProperty("java.awt.headless", "true");
        final PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        final PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        System.exit(run(new StandardEngineFactory(), out, err, arguments));
    }

    /** Runs a command and returns its exit status. */
    static int run(final EngineFactory engines, final PrintWriter out, final PrintWriter err,
            final String... arguments) {
        final CommandLine commandLine = new CommandLine(new CommandLineInterface())
                .addSubcommand(new GenerateCommand(engines))
                .addSubcommand(new ChatCommand(engines))
                .addSubcommand(new CaptionCommand(engines))
                .addSubcommand(new GroundCommand(engines))
                .addSubcommand(new TokenizeCommand())
                .addSubcommand(new VerifyCommand(engines))
                .addSubcommand(new BenchCommand(Bench::run));

        return commandLine
                // A prompt may begin with @.
                .setExpandAtFiles(false)
                .setOut(out).setErr(err)
                .setParameterExceptionHandler(CommandLineInterface::reportUsage)
                .setExecutionExceptionHandler(CommandLineInterface::reportFailure)
                .setExecutionStrategy(CommandLineInterface::execute)
                .execute(arguments);
    }

    /** A command is required; picocli alone would do nothing without one. */
    private static int execute(final ParseResult parsed) {
        if (!parsed.hasSubcommand() && !parsed.isUsageHelpRequested() && !parsed.isVersionHelpRequested()) {
            final CommandLine commandLine = parsed.commandSpec().commandLine();
            throw new CommandLine.ParameterException(commandLine, "no command was given; the commands are "
                    + String.join(", ", commandLine.getSubcommands().keySet()));
        }
        return new CommandLine.RunLast().execute(parsed);
    }

    private static int reportUsage(final CommandLine.ParameterException problem, final String[] arguments) {
        final CommandLine command = problem.getCommandLine();
        final String hint = problem instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty() ? "; no such option or argument is known" : "";
        command.getErr().println(oneLine(problem.getMessage()) + hint + "; see "
                + command.getCommandSpec().qualifiedName() + " --help");
        return WRONG_USAGE;
    }

    private static int reportFailure(final Exception failure, final CommandLine command, final ParseResult parsed)
            throws Exception {
        final PrintWriter err = command.getErr();
        switch (failure) {
            case DataException e -> err.println(oneLine(e.getMessage()));
            case ImageException e -> err.println(oneLine(e.getMessage()));
            case WeightException e -> err.println(oneLine(e.getMessage()));
            case ResourceExhaustedException e -> err.println(oneLine(e.getMessage()));
            case CommandException e -> err.println(oneLine(e.getMessage()));
            case IOException e -> err.println(oneLine("reading or writing failed: " + e));
            default -> {
                final StackTraceElement[] trace = failure.getStackTrace();
                err.println(oneLine("a fault of this program: " + failure
                        + (trace.length == 0 ? "" : " at " + trace[0])
                        + "; run with -Dqwenimage.stacktrace=true before -jar and report what it prints"));
                if (Boolean.getBoolean("qwenimage.stacktrace")) {
                    failure.printStackTrace(err);
                }
            }
        }
        return FAILURE;
    }

    private static String oneLine(final String message) {
        return message == null ? "no message" : message.strip().replaceAll("\\s*\\R\\s*", " ");
    }
}
