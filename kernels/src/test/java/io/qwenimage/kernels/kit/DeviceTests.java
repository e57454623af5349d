package io.qwenimage.kernels.kit;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import io.qwenimage.kernels.KernelDevice;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.standin.StandIn;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests that take a device, and prints a line for each class and the reason of everything that failed or was
 * left out. The exit status is 0 if at least one passed and none failed, 1 if one failed, 3 if none ran.
 */
public final class DeviceTests {
    private static final int LINES_OF_A_FAILURE = 12;
    private static final int FAILED = 1;
    private static final int NOTHING_RAN = 3;
    /** What tests that take a device are tagged with. */
    private static final Map<String, String> TAGS = Map.of("--kernels", "device", "--models", "models", "--loss",
            "device-loss");

    private DeviceTests() {
    }

    /**
     * @param arguments {@code --kernels}, {@code --models}, or {@code --loss} for the tests that break the device's
     *     context; then names of test classes without their package, none for all
     */
    public static void main(final String... arguments) {
        final String tag = TAGS.get(arguments.length == 0 ? "" : arguments[0]);
        if (tag == null) {
            throw new IllegalArgumentException("the first argument must be one of " + TAGS.keySet());
        }
        final List<String> names = List.of(arguments).subList(1, arguments.length);
        final PrintStream out = System.out;
        if (!KernelDevice.isReal()) {
            out.println("On the stand-in; -Dqwenimage.gpu=real takes the machine's GPU");
            StandIn.install();
        }
        CudaDevice.list().forEach(device -> out.println(device.title() + ", " + (device.memoryBytes() >> 20)
                + " MiB, " + device.multiprocessors() + " multiprocessors, driver for CUDA "
                + device.driverVersion() / 1000 + "." + device.driverVersion() % 1000 / 10));
        final Report report = new Report();
        final String classes = names.isEmpty() ? ".*" : ".*\\.(" + String.join("|", names) + ")";
        final LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectPackage("io.qwenimage"))
                .filters(TagFilter.includeTags(tag), ClassNameFilter.includeClassNamePatterns(classes)).build();
        final long start = System.nanoTime();
        LauncherFactory.create().execute(request, report);
        report.print(out, Duration.ofNanos(System.nanoTime() - start));
        System.exit(report.exitStatus());
    }

    /** Counts and remembers. */
    private static final class Report implements TestExecutionListener {
        private final Map<String, int[]> counts = new TreeMap<>();
        private final Map<String, Long> milliseconds = new TreeMap<>();
        private final Map<String, Long> started = new TreeMap<>();
        private final List<String> failures = new ArrayList<>();
        private final List<String> skips = new ArrayList<>();

        @Override
        public void executionStarted(final TestIdentifier test) {
            started.put(test.getUniqueId(), System.nanoTime());
        }

        @Override
        public void executionSkipped(final TestIdentifier test, final String reason) {
            skips.add(name(test) + ": " + reason);
            count(test, 2);
        }

        @Override
        public void executionFinished(final TestIdentifier test, final TestExecutionResult result) {
            final String reason = result.getThrowable().map(DeviceTests::describe).orElse("");
            switch (result.getStatus()) {
                case FAILED -> failures.add(name(test) + ": " + reason);
                case ABORTED -> skips.add(name(test) + ": " + reason.lines().findFirst().orElse(""));
                default -> {
                }
            }
            if (test.isTest() || result.getStatus() == TestExecutionResult.Status.FAILED) {
                count(test, result.getStatus().ordinal() == 0 ? 0
                        : result.getStatus() == TestExecutionResult.Status.FAILED ? 1 : 2);
                final long time = System.nanoTime() - started.get(test.getUniqueId());
                milliseconds.merge(className(test), time / 1_000_000, Long::sum);
            }
        }

        private void count(final TestIdentifier test, final int kind) {
            counts.computeIfAbsent(className(test), key -> new int[3])[kind]++;
        }

        private void print(final PrintStream out, final Duration time) {
            out.printf("%n%-52s %7s %7s %7s %9s%n", "tests on the device", "passed", "failed", "skipped", "ms");
            final int[] sum = new int[3];
            counts.forEach((name, each) -> {
                out.printf("%-52s %7d %7d %7d %9d%n", name, each[0], each[1], each[2],
                        milliseconds.getOrDefault(name, 0L));
                for (int kind = 0; kind < sum.length; kind++) {
                    sum[kind] += each[kind];
                }
            });
            out.printf("%-52s %7d %7d %7d %9d%n", "together", sum[0], sum[1], sum[2], time.toMillis());
            print(out, "failed", failures);
            print(out, "skipped", skips);
        }

        private static void print(final PrintStream out, final String title, final List<String> lines) {
            if (!lines.isEmpty()) {
                out.println();
                lines.forEach(line -> out.println(title + ": " + line));
            }
        }

        private int exitStatus() {
            if (!failures.isEmpty()) {
                return FAILED;
            }
            return counts.values().stream().mapToInt(each -> each[0]).sum() > 0 ? 0 : NOTHING_RAN;
        }

        private static String className(final TestIdentifier test) {
            return test.getSource().filter(MethodSource.class::isInstance).map(MethodSource.class::cast)
                    .map(source -> source.getClassName().replaceFirst(".*\\.", "")).orElse(test.getDisplayName());
        }

        private static String name(final TestIdentifier test) {
            return className(test) + "." + test.getDisplayName();
        }
    }

    private static String describe(final Throwable failure) {
        final StringBuilder text = new StringBuilder(String.valueOf(failure));
        for (final StackTraceElement element : failure.getStackTrace()) {
            if (element.getClassName().startsWith("io.qwenimage")
                    && text.toString().lines().count() < LINES_OF_A_FAILURE) {
                text.append("\n    at ").append(element);
            }
        }
        if (failure.getCause() != null) {
            text.append("\n  caused by ").append(failure.getCause());
        }
        for (final Throwable suppressed : failure.getSuppressed()) {
            text.append("\n  and ").append(suppressed.getMessage());
        }
        return text.toString();
    }
}
