package io.qwenimage.cli;

import io.qwenimage.backend.cpu.CpuOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Times the networks at their published width, and PyTorch beside them. */
@Command(name = "bench", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Times the networks at their published width, after comparing them with the reference; with "
                + "--torch also PyTorch at the same work, and the ratio of both.")
final class BenchCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "DIR",
            description = "folder that \"bench_torch.py --save DIR\" wrote")
    private Path model;
    @Option(names = "--only", paramLabel = "JOB", split = ",",
            description = "some of mmdit_block, vae_decode, text_encode, preprocess, vision_encode, prefill, decode, "
                    + "decode_f32; default all")
    private List<String> only = Bench.JOBS;
    @Option(names = "--threads", paramLabel = "N", description = "default: all processors")
    private int threads = Runtime.getRuntime().availableProcessors();
    @Option(names = "--repeats", paramLabel = "N",
            description = "timed runs at most, after one that is not counted; default ${DEFAULT-VALUE}")
    private int repeats = 7;
    @Option(names = "--seconds", paramLabel = "X",
            description = "no further run begins after this long; default ${DEFAULT-VALUE}")
    private double seconds = 30;
    @Option(names = "--torch", paramLabel = "F.py", description = "bench_torch.py; its time is measured, too")
    private Path torch;
    @Option(names = "--python", paramLabel = "F", description = "runs --torch; default ${DEFAULT-VALUE}")
    private String python = "python3";
    @Spec
    private CommandSpec spec;

    private final Function<BenchOptions, List<BenchResult>> bench;

    /**
     * A command.
     *
     * @param bench runs the jobs, see {@link Bench#run}
     */
    BenchCommand(final Function<BenchOptions, List<BenchResult>> bench) {
        this.bench = bench;
    }

    @Override
    public Integer call() {
        for (final String job : only) {
            if (!Bench.JOBS.contains(job)) {
                throw new ParameterException(spec.commandLine(), "--only names job " + job + "; known are "
                        + String.join(", ", Bench.JOBS));
            }
        }
        if (threads < 1 || repeats < 1) {
            throw new ParameterException(spec.commandLine(), "--threads is " + threads + " and --repeats " + repeats
                    + "; both must be at least 1");
        }
        final PrintWriter out = spec.commandLine().getOut();
        for (final String job : only) {
            // Job by job, so that both meet the machine in the same mood.
            final BenchOptions options = new BenchOptions(model, CpuOptions.defaults().withThreads(threads),
                    List.of(job), repeats, seconds);
            final BenchResult result = measure(options);
            out.println(result.describe());
            if (torch != null) {
                final double peer = new TorchPeer(python, torch).median(options);
                out.println(String.format(Locale.ROOT, "%-13s PyTorch median %.4f s, ratio %.2f", job, peer,
                        result.median() / peer));
            }
        }
        return 0;
    }

    private BenchResult measure(final BenchOptions options) {
        try {
            return bench.apply(options).getFirst();
        } catch (IllegalStateException e) {
            throw new CommandException(e.getMessage() + "; make " + model + " anew with bench_torch.py --save", e);
        }
    }
}
