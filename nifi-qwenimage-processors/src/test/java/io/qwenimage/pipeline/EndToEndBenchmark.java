package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.backend.OperationCounter;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.kernels.benchmark.DevicePeaks;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.pipeline.BenchmarkParts.Sizes;
import io.qwenimage.pipeline.BenchmarkParts.Work;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Times the pipeline's parts on the machine's GPU at their published size, weights of noise: a prompt, a guided
 * denoising step, a decoded picture, and an answer about a picture. Each part runs twice before, which must make finite
 * numbers: of steps the second is recorded, and those that are timed are one graph. Printed are the median and the
 * shortest time by the clock, from asking until the result is on the host; TFLOP/s of products, convolutions and
 * attention; the bytes of weights that are read in that time; and shares of the device's peaks.
 */
public final class EndToEndBenchmark {
    /** Timed runs of a part at most. */
    static final int MOST_RUNS = 12;
    private static final int FEWEST_RUNS = 3;
    private static final int WARM_UP = 2;
    private static final double SECONDS_FOR_A_PART = 20;
    private static final double NANO = 1e9;
    private static final double MILLI = 1e-3;
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;

    private final PrintStream out;
    private final DevicePeaks peaks;
    private final Sizes sizes;

    /** Puts weights into an arena and prepares work on them. */
    @FunctionalInterface
    private interface Preparation {
        Work prepare(Backend backend, Arena weights, Sizes sizes);
    }

    private record Part(String name, String shape, Preparation preparation) {
    }

    private EndToEndBenchmark(final PrintStream out, final DevicePeaks peaks, final Sizes sizes) {
        this.out = out;
        this.peaks = peaks;
        this.sizes = sizes;
    }

    /**
     * @param arguments beginnings of names of parts, none for all; {@code --check} first to run each once with one
     *     layer and next to no work, which is also possible on the stand-in
     */
    public static void main(final String... arguments) {
        final boolean check = arguments.length > 0 && "--check".equals(arguments[0]);
        final Sizes sizes = check ? Sizes.LEAST : Sizes.USUAL;
        final List<String> names = List.of(arguments).subList(check ? 1 : 0, arguments.length);
        final List<Part> parts = parts(sizes).stream().filter(part -> names.isEmpty()
                || names.stream().anyMatch(part.name()::startsWith)).toList();
        if (parts.isEmpty()) {
            return;
        }
        final DevicePeaks peaks;
        try (Backend backend = CudaBackends.openWhole(DType.BF16)) {
            System.out.println("\n" + backend.describe());
            peaks = DevicePeaks.of(CudaDevice.list().get(CudaBackends.ordinal()));
        } catch (final IllegalStateException e) {
            System.out.println("\nThe parts of the pipeline cannot be timed: " + e.getMessage());
            System.exit(1);
            return;
        }
        System.exit(new EndToEndBenchmark(System.out, peaks, sizes).run(parts) ? 0 : 1);
    }

    private boolean run(final List<Part> parts) {
        out.printf("%-14s %-58s %9s %9s %9s %7s %9s %7s%n", "part", "shape", "median ms", "best ms", "TFLOP/s",
                "of peak", "GB/s", "of peak");
        boolean good = true;
        for (final Part part : parts) {
            good &= run(part);
        }
        return good;
    }

    private static List<Part> parts(final Sizes sizes) {
        return List.of(
                new Part("text_encode", sizes.promptTokens() + " tokens", BenchmarkParts::encodeText),
                new Part("denoise_step", sizes.side() + " x " + sizes.side() + " pixels, guided, two prompts of "
                        + sizes.promptTokens() + " tokens", BenchmarkParts::denoise),
                new Part("vae_decode", sizes.side() + " x " + sizes.side() + " pixels", BenchmarkParts::decode),
                new Part("vision_encode", sizes.chatRows() + " x " + sizes.chatColumns() + " patches",
                        BenchmarkParts::encodePicture),
                new Part("prefill", sizes.chatTokens() + " tokens", BenchmarkParts::prefill),
                new Part("next_token", "after " + sizes.chatTokens() + " tokens", BenchmarkParts::nextToken));
    }

    private boolean run(final Part part) {
        try (Backend backend = CudaBackends.openWhole(DType.BF16)) {
            final OperationCounter counter = new OperationCounter(backend);
            try (Arena weights = backend.openArena("weights of " + part.name());
                    Work work = part.preparation().prepare(counter.backend(), weights, sizes)) {
                final double before = counter.operations();
                checked(backend, work);
                final double operations = counter.operations() - before;
                if (sizes == Sizes.LEAST) {
                    out.printf("%-14s %-58s makes finite numbers%n", part.name(), part.shape());
                    return true;
                }
                for (int run = 1; run < WARM_UP; run++) {
                    checked(backend, work);
                }
                print(part, time(backend, work), operations, work.weightBytes(backend));
            }
            return true;
        } catch (final ResourceExhaustedException e) {
            out.printf("%-14s %-58s not possible: %s%n", part.name(), part.shape(), e.getMessage());
            return true;
        } catch (final RuntimeException | AssertionError e) {
            out.printf("%-14s %-58s WRONG: %s%n", part.name(), part.shape(), e);
            return false;
        }
    }

    private static void checked(final Backend backend, final Work work) {
        try (Arena arena = backend.openArena("a run that is not timed")) {
            final HostTensor result = work.run(arena);
            for (final float value : result.toFloats()) {
                if (!Float.isFinite(value)) {
                    throw new AssertionError("the result " + result + " holds " + value);
                }
            }
        }
    }

    private static double[] time(final Backend backend, final Work work) {
        final double[] seconds = new double[MOST_RUNS - WARM_UP];
        double sum = 0;
        int count = 0;
        while (count < FEWEST_RUNS || count < seconds.length && sum < SECONDS_FOR_A_PART) {
            try (Arena arena = backend.openArena("a timed run")) {
                final long start = System.nanoTime();
                work.run(arena);
                seconds[count] = (System.nanoTime() - start) / NANO;
            }
            sum += seconds[count++];
        }
        final double[] sorted = Arrays.copyOf(seconds, count);
        Arrays.sort(sorted);
        return sorted;
    }

    private void print(final Part part, final double[] seconds, final double operations, final long weightBytes) {
        final double median = seconds[seconds.length / 2];
        final double teraflops = operations / median / TERA;
        final double gigabytes = weightBytes / median / GIGA;
        out.printf(Locale.ROOT, "%-14s %-58s %9.2f %9.2f %9.1f %7s %9.0f %7s%n", part.name(), part.shape(),
                median / MILLI, seconds[0] / MILLI, teraflops, share(teraflops, peaks.teraflops()), gigabytes,
                share(gigabytes, peaks.gigabytes()));
    }

    private static String share(final double value, final double peak) {
        return peak == 0 ? "?" : String.format(Locale.ROOT, "%.0f %%", 100 * value / peak);
    }
}
