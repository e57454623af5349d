package io.qwenimage.kernels.benchmark;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaEvent;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.DeviceProperties;
import io.qwenimage.kernels.standin.StandIn;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Times every kernel of the table on the machine's GPU. A kernel is launched once and its output checked; only then it
 * is timed: warmed up, and each time after the L2 cache was flushed. Printed are the median and the shortest time by
 * events, achieved TFLOP/s or GB/s by the median, and the share of the device's peak.
 */
public final class KernelBenchmark {
    private static final int WARM_UP = 3;
    private static final int FEWEST = 7;
    private static final int MOST = 50;
    private static final double MILLISECONDS_FOR_A_CASE = 150;
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;

    private final PrintStream out;
    private final DevicePeaks peaks;
    private final boolean timed;

    private KernelBenchmark(final PrintStream out, final DevicePeaks peaks, final boolean timed) {
        this.out = out;
        this.peaks = peaks;
        this.timed = timed;
    }

    /**
     * @param arguments beginnings of names of kernels, none for all; {@code --check} first to check them only, which is
     *     also possible on the stand-in
     */
    public static void main(final String... arguments) {
        if (!KernelDevice.isReal()) {
            StandIn.install();
        }
        final boolean timed = arguments.length == 0 || !"--check".equals(arguments[0]);
        final int ordinal = Integer.getInteger("qwenimage.gpu.ordinal", 0);
        final DeviceProperties properties = CudaDevice.list().get(ordinal);
        final KernelBenchmark benchmark = new KernelBenchmark(System.out, DevicePeaks.of(properties), timed);
        System.exit(benchmark.run(ordinal, properties, List.of(arguments).subList(timed ? 0 : 1, arguments.length)) ? 0
                : 1);
    }

    private boolean run(final int ordinal, final DeviceProperties properties, final List<String> names) {
        out.printf(Locale.ROOT, "%nbenchmark on %s; peaks by data sheet: %.0f TFLOP/s in BF16, %.0f GB/s%n",
                properties.title(),
                peaks.teraflops(), peaks.gigabytes());
        out.printf("%-34s %-58s %9s %9s %9s %7s %9s %7s%n", "kernel", "shape", "median us", "best us", "TFLOP/s",
                "of peak",
                "GB/s", "of peak");
        boolean good = true;
        for (final BenchmarkCase each : BenchmarkTable.cases()) {
            if (names.isEmpty() || names.stream().anyMatch(each.kernel()::startsWith)) {
                good &= run(ordinal, properties, each);
            }
        }
        return good;
    }

    private boolean run(final int ordinal, final DeviceProperties properties, final BenchmarkCase each) {
        if (!each.runsOn().test(properties)) {
            out.printf("%-34s %-58s not for this device%n", each.kernel(), each.shape());
            return true;
        }
        try (KernelDevice device = KernelDevice.forBenchmark(ordinal)) {
            final BenchmarkCase.Prepared prepared = each.setup().apply(device);
            prepared.launch().run();
            device.stream().synchronize();
            prepared.validate().run();
            final List<String> findings = KernelDevice.isReal() ? List.of() : device.takeFindings();
            if (!findings.isEmpty()) {
                throw new AssertionError(findings.toString());
            }
            if (timed) {
                print(each, time(device, properties, prepared.launch()));
            } else {
                out.printf("%-34s %-58s right%n", each.kernel(), each.shape());
            }
            return true;
        } catch (final RuntimeException | AssertionError e) {
            out.printf("%-34s %-58s WRONG: %s%n", each.kernel(), each.shape(), e);
            return false;
        } catch (final OutOfMemoryError e) {
            out.printf("%-34s %-58s not possible: the host has too little memory (%s)%n", each.kernel(), each.shape(),
                    e);
            return true;
        }
    }

    private static double[] time(final KernelDevice device, final DeviceProperties properties, final Runnable launch) {
        // Twice the cache's size, written by a fill: afterwards nothing of the kernel's data is left in it.
        try (DeviceBuffer flush = device.stream().allocate(Math.max(2 * properties.l2Bytes(), 1));
             CudaEvent start = device.cuda().openEvent(); CudaEvent end = device.cuda().openEvent()) {
            for (int repeat = 0; repeat < WARM_UP; repeat++) {
                launch.run();
            }
            final double[] milliseconds = new double[MOST];
            double sum = 0;
            int count = 0;
            while (count < FEWEST || count < MOST && sum < MILLISECONDS_FOR_A_CASE) {
                device.stream().fill(flush, (byte) count);
                start.record(device.stream());
                launch.run();
                end.record(device.stream());
                end.synchronize();
                milliseconds[count] = end.millisecondsSince(start);
                sum += milliseconds[count];
                count++;
            }
            final double[] sorted = Arrays.copyOf(milliseconds, count);
            Arrays.sort(sorted);
            return sorted;
        }
    }

    private void print(final BenchmarkCase each, final double[] sortedMilliseconds) {
        final double median = sortedMilliseconds[sortedMilliseconds.length / 2] / 1e3;
        out.printf(Locale.ROOT, "%-34s %-58s %9.1f %9.1f %9.1f %7s %9.1f %7s%n", each.kernel(), each.shape(),
                median * 1e6,
                sortedMilliseconds[0] * 1e3, each.operations() / median / TERA,
                share(each.operations() / median / TERA, peaks.teraflops()), each.bytes() / median / GIGA,
                share(each.bytes() / median / GIGA, peaks.gigabytes()));
    }

    private static String share(final double value, final double peak) {
        return peak == 0 ? "?" : String.format(Locale.ROOT, "%.1f%%", 100 * value / peak);
    }
}
