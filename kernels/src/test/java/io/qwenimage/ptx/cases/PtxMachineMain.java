package io.qwenimage.ptx.cases;

import io.qwenimage.ptx.LaunchOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs case folders and says of each whether it holds, or what fell short or was found. */
public final class PtxMachineMain {
    private static final String USAGE =
        "usage: java -jar ptx-machine.jar [--seed N] [--out AFTER.safetensors] CASE_DIR... (or folders of them)";
    private static final int HOLDS = 0;
    private static final int FAILS = 1;
    private static final int WRONG_USAGE = 2;

    private final PrintStream out;
    private final PrintStream err;

    PtxMachineMain(final PrintStream out, final PrintStream err) {
        this.out = out;
        this.err = err;
    }

    public static void main(final String[] arguments) {
        System.exit(new PtxMachineMain(System.out, System.err).run(arguments));
    }

    /** Runs the command; returns its exit status. */
    int run(final String... arguments) {
        final List<Path> folders = new ArrayList<>();
        Path after = null;
        long seed = 1;
        try {
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--out" -> after = Path.of(value(arguments, ++i, "--out"));
                    case "--seed" -> seed = Long.parseLong(value(arguments, ++i, "--seed"));
                    case "--help" -> {
                        out.println(USAGE);
                        return HOLDS;
                    }
                    default -> folders.addAll(folders(arguments[i]));
                }
            }
            if (folders.isEmpty()) {
                throw new UsageException("no case folder is given");
            }
        } catch (final UsageException | NumberFormatException | InvalidPathException | IOException e) {
            err.println(e.getMessage());
            err.println(USAGE);
            return WRONG_USAGE;
        }
        return run(folders, after, LaunchOptions.standard().withSeed(seed));
    }

    private int run(final List<Path> folders, final Path after, final LaunchOptions options) {
        final Map<String, StoredTensor> buffers = new LinkedHashMap<>();
        boolean holds = true;
        for (final Path folder : folders) {
            final String prefix = folders.size() == 1 ? "" : folder.toAbsolutePath().normalize().getFileName() + "/";
            holds &= run(folder, prefix, buffers, options);
        }
        if (after != null) {
            try {
                TensorFile.write(after, buffers);
            } catch (final IOException e) {
                err.println(after + " cannot be written: " + e);
                return FAILS;
            }
        }
        return holds ? HOLDS : FAILS;
    }

    private boolean run(final Path folder, final String prefix, final Map<String, StoredTensor> buffers,
                        final LaunchOptions options) {
        try {
            final CaseRun run = CaseRun.of(CaseFolder.read(folder), options);
            run.after().forEach((name, tensor) -> buffers.put(prefix + name, tensor));
            if (run.holds()) {
                out.println(folder + ": holds");
            } else {
                run.problems().forEach(problem -> out.println(folder + ": " + problem));
            }
            return run.holds();
        } catch (final BrokenCaseException e) {
            out.println(folder + ": cannot be run: " + e.getMessage());
            return false;
        } catch (final RuntimeException | StackOverflowError | OutOfMemoryError e) {
            // A fault of the machine itself, which must not hide how the other cases fare.
            out.println(folder + ": the machine failed: " + e + at(e));
            return false;
        }
    }

    private static String at(final Throwable failure) {
        return failure.getStackTrace().length == 0 ? "" : " at " + failure.getStackTrace()[0];
    }

    private static List<Path> folders(final String argument) throws IOException {
        if (argument.startsWith("-")) {
            throw new UsageException("option " + argument + " is not known");
        }
        final Path folder = Path.of(argument);
        if (!Files.isDirectory(folder)) {
            throw new UsageException(argument + " is no folder");
        }
        final List<Path> cases = CaseFolder.in(folder);
        return cases.isEmpty() ? List.of(folder) : cases;
    }

    private static String value(final String[] arguments, final int index, final String option) {
        if (index >= arguments.length) {
            throw new UsageException("option " + option + " needs a value");
        }
        return arguments[index];
    }

    /** Wrong arguments. */
    private static final class UsageException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UsageException(final String message) {
            super(message);
        }
    }
}
