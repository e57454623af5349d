package io.qwenimage.nifi.services.standard;

import com.sun.management.OperatingSystemMXBean;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.nifi.services.VerificationReport;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.annotation.lifecycle.OnDisabled;
import org.apache.nifi.annotation.lifecycle.OnEnabled;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.controller.VerifiableControllerService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.reporting.InitializationException;

@Tags({"qwen", "image", "cpu", "device", "memory"})
@CapabilityDescription("Computes on the processors of this machine. Owns threads, a memory budget and the queue of "
        + "those who want to compute.")
public class CpuComputeDeviceService extends AbstractControllerService
        implements ComputeDeviceService, VerifiableControllerService {
    static final PropertyDescriptor THREADS = new PropertyDescriptor.Builder()
            .name("Threads")
            .description("How many threads one computation uses. Not set: as many as the machine has cores.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createLongValidator(1, 1024, true))
            .build();

    static final PropertyDescriptor MEMORY_BUDGET = new PropertyDescriptor.Builder()
            .name("Memory Budget")
            .description("How much native memory weights and computations may take together, outside the Java heap. "
                    + "Not set: three quarters of the machine's physical memory, less the Java heap.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.DATA_SIZE_VALIDATOR)
            .build();

    static final PropertyDescriptor CONCURRENT_REQUESTS =
            CommonProperties.concurrentRequests("one request already uses all threads");

    static final PropertyDescriptor NATIVE_LIBRARY_CACHE_DIRECTORY = new PropertyDescriptor.Builder()
            .name("Native Library Cache Directory")
            .description("Where native libraries are unpacked; created when missing. Not set: a folder in this user's "
                    + "cache. What the first enabled device has unpacked stays in use until NiFi restarts.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR)
            .build();

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(THREADS, MEMORY_BUDGET, CONCURRENT_REQUESTS, NATIVE_LIBRARY_CACHE_DIRECTORY);

    private static final long QUARTERS = 4;

    private final BackendFactory backends;
    private volatile SharedDevice device;

    public CpuComputeDeviceService() {
        this(CpuBackend::open);
    }

    CpuComputeDeviceService(final BackendFactory backends) {
        this.backends = backends;
    }

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PROPERTIES;
    }

    /**
     * Opens the device.
     *
     * @throws InitializationException if it cannot be opened; nothing stays open then
     */
    @OnEnabled
    public void onEnabled(final ConfigurationContext context) throws InitializationException {
        final CpuOptions options = options(context);
        final int permits = context.getProperty(CONCURRENT_REQUESTS).evaluateAttributeExpressions().asInteger();
        try {
            final Backend backend = backends.open(options);
            device = new SharedDevice(backend, permits);
            getLogger().info("{}", backend.describe());
        } catch (final RuntimeException | LinkageError e) {
            throw new InitializationException("the CPU device cannot be opened: " + e.getMessage(), e);
        }
    }

    /** Frees the device's native memory, now or when the last lease on it is closed. */
    @OnDisabled
    public void onDisabled() {
        final SharedDevice retiring = device;
        device = null;
        if (retiring != null) {
            retiring.retire();
        }
    }

    @Override
    public DeviceLease acquire() {
        final SharedDevice current = device;
        if (current == null) {
            throw ServiceUnavailableException.notEnabled("compute device service", getIdentifier());
        }
        return current.lease();
    }

    @Override
    public List<ConfigVerificationResult> verify(final ConfigurationContext context,
            final ComponentLog verificationLogger, final Map<String, String> variables) {
        final VerificationReport report = new VerificationReport(verificationLogger);
        final CpuOptions options = options(context);
        report.step("Memory Budget", () -> {
            final long physicalMemory = physicalMemory();
            if (options.memoryBudget() > physicalMemory) {
                throw new IllegalArgumentException("the budget of " + MemoryShare.mebibytes(options.memoryBudget())
                        + " exceeds the machine's memory of " + MemoryShare.mebibytes(physicalMemory)
                        + "; lower Memory Budget");
            }
            return MemoryShare.mebibytes(options.memoryBudget()) + " of the machine's "
                    + MemoryShare.mebibytes(physicalMemory)
                    + ", beside a Java heap of up to " + MemoryShare.mebibytes(Runtime.getRuntime().maxMemory());
        });
        report.step("Device", () -> {
            try (Backend backend = backends.open(options)) {
                return backend.describe();
            }
        });
        return report.results();
    }

    private static CpuOptions options(final ConfigurationContext context) {
        final Integer threads = context.getProperty(THREADS).evaluateAttributeExpressions().asInteger();
        final Double budget = context.getProperty(MEMORY_BUDGET).evaluateAttributeExpressions().asDataSize(DataUnit.B);
        final String cache = context.getProperty(NATIVE_LIBRARY_CACHE_DIRECTORY).evaluateAttributeExpressions()
                .getValue();
        return new CpuOptions(
                threads == null ? Runtime.getRuntime().availableProcessors() : threads,
                budget == null ? defaultBudget(physicalMemory(), Runtime.getRuntime().maxMemory()) : budget.longValue(),
                cache == null ? null : Path.of(cache),
                CpuOptions.Arithmetic.AUTOMATIC);
    }

    /** Three quarters of the physical memory less the Java heap, but never less than a quarter of it. */
    static long defaultBudget(final long physicalMemory, final long maximumHeap) {
        final long quarter = physicalMemory / QUARTERS;
        return Math.max((QUARTERS - 1) * quarter - maximumHeap, quarter);
    }

    private static long physicalMemory() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    }
}
