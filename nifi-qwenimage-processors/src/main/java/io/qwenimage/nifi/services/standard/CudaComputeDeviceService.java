package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cuda.CudaGpu;
import io.qwenimage.backend.cuda.CudaLibrary;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.nifi.services.VerificationReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.annotation.lifecycle.OnDisabled;
import org.apache.nifi.annotation.lifecycle.OnEnabled;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.resource.ResourceCardinality;
import org.apache.nifi.components.resource.ResourceType;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.controller.VerifiableControllerService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.reporting.InitializationException;

@Tags({"qwen", "image", "cuda", "gpu", "nvidia", "device", "memory"})
@SeeAlso(CpuComputeDeviceService.class)
@CapabilityDescription("Computes on an NVIDIA GPU. Owns the device, a memory budget and the queue of those who want to "
        + "compute. A device that fails is taken out and opened anew; FlowFiles wait meanwhile.")
public class CudaComputeDeviceService extends AbstractControllerService
        implements ComputeDeviceService, VerifiableControllerService {
    static final PropertyDescriptor DEVICE_SELECTION = new PropertyDescriptor.Builder()
            .name("Device Selection")
            .description("How the device is chosen among several.")
            .required(true)
            .allowableValues(DeviceSelection.class)
            .defaultValue(DeviceSelection.MOST_FREE_MEMORY)
            .build();

    static final PropertyDescriptor DEVICE_INDEX = new PropertyDescriptor.Builder()
            .name("Device Index")
            .description("Number of the device, from 0, as nvidia-smi shows it unless CUDA_VISIBLE_DEVICES or "
                    + "CUDA_DEVICE_ORDER say otherwise.")
            .required(true)
            .dependsOn(DEVICE_SELECTION, DeviceSelection.INDEX)
            .defaultValue("0")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createLongValidator(0, 1023, true))
            .build();

    static final PropertyDescriptor DEVICE_UUID = new PropertyDescriptor.Builder()
            .name("Device UUID")
            .description("Identity of the device, as nvidia-smi -L shows it.")
            .required(true)
            .dependsOn(DEVICE_SELECTION, DeviceSelection.UUID)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR)
            .build();

    static final PropertyDescriptor MEMORY_BUDGET = new PropertyDescriptor.Builder()
            .name("Memory Budget")
            .description("How much of the device's memory weights and computations may take together: a size, or a "
                    + "percentage of all of it. Not set: 92 % of what is free when the service is enabled; the rest is "
                    + "left to the driver and its libraries.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(MemoryShare.VALIDATOR)
            .build();

    static final PropertyDescriptor CONCURRENT_REQUESTS =
            CommonProperties.concurrentRequests("one request already fills the device");

    static final PropertyDescriptor PRECISION = new PropertyDescriptor.Builder()
            .name("Precision")
            .description("The type of weights and activations on the device.")
            .required(true)
            .allowableValues(Precision.class)
            .defaultValue(Precision.BF16)
            .build();

    static final PropertyDescriptor STEP_TIMEOUT = new PropertyDescriptor.Builder()
            .name("Step Timeout")
            .description("How long the device may take between two results that it is waited for, such as the end of a "
                    + "denoising step. A kernel that takes longer cannot be stopped: the device is taken out and "
                    + "opened anew.")
            .required(true)
            .defaultValue("5 mins")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.TIME_PERIOD_VALIDATOR)
            .build();

    static final PropertyDescriptor CUDA_LIBRARIES_FOLDER = new PropertyDescriptor.Builder()
            .name("CUDA Libraries Folder")
            .description("Folder that holds libcublasLt.so.13, libcublas.so.13 and libcudart.so.13, and cuDNN if it is to "
                    + "be used. Not set: the NAR nifi-qwenimage-cuda-libraries if it is deployed, the system, or a "
                    + "toolkit in its usual place. What was loaded first stays in use until NiFi restarts.")
            .identifiesExternalResource(ResourceCardinality.SINGLE, ResourceType.DIRECTORY)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createDirectoryExistsValidator(true, false))
            .build();

    private static final List<PropertyDescriptor> PROPERTIES = List.of(DEVICE_SELECTION, DEVICE_INDEX, DEVICE_UUID,
            MEMORY_BUDGET, CONCURRENT_REQUESTS, PRECISION, STEP_TIMEOUT, CUDA_LIBRARIES_FOLDER);

    private final CudaPlatform platform;
    private final Executor executor;
    private volatile RecoveringDevice device;

    public CudaComputeDeviceService() {
        // A thread for each, because one that hangs in the driver must not keep others waiting, nor NiFi from ending.
        this(CudaPlatform.INSTALLED, task -> Thread.ofPlatform().daemon().name("qwenimage-device").start(task));
    }

    CudaComputeDeviceService(final CudaPlatform platform, final Executor executor) {
        this.platform = platform;
        this.executor = executor;
    }

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PROPERTIES;
    }

    /** Says why CUDA is not offered on this machine, and why the device cannot be used at the moment. */
    @Override
    protected Collection<ValidationResult> customValidate(final ValidationContext context) {
        final ValidationResult.Builder result = new ValidationResult.Builder().subject("CUDA device").valid(false);
        final RecoveringDevice current = device;
        if (current != null && current.fault().isPresent()) {
            current.tryAgain();
            return List.of(result.explanation(current.fault().orElse("it was lost and is open again")).build());
        }
        try {
            platform.gpus();
            return List.of();
        } catch (final IllegalStateException e) {
            return List.of(result.explanation(e.getMessage()).build());
        }
    }

    /**
     * Opens the device.
     *
     * @throws InitializationException if it cannot be opened; nothing stays open then
     */
    @OnEnabled
    public void onEnabled(final ConfigurationContext context) throws InitializationException {
        final CudaSettings settings = settings(context);
        final int permits = context.getProperty(CONCURRENT_REQUESTS).evaluateAttributeExpressions().asInteger();
        try {
            final RecoveringDevice opened = new RecoveringDevice(() -> open(settings), permits, executor,
                    System::nanoTime, getLogger());
            try (DeviceLease lease = opened.lease()) {
                getLogger().info("{}", lease.backend().describe());
            }
            device = opened;
        } catch (final RuntimeException | LinkageError e) {
            throw new InitializationException("the CUDA device cannot be opened: " + e.getMessage(), e);
        }
    }

    /** Frees the device's memory, now or when the last lease on it is closed. */
    @OnDisabled
    public void onDisabled() {
        final RecoveringDevice retiring = device;
        if (retiring != null) {
            retiring.retire();
            // One that is lost is remembered, for validation to say so until it can be opened.
            device = retiring.fault().isPresent() ? retiring : null;
        }
    }

    @Override
    public DeviceLease acquire() {
        final RecoveringDevice current = device;
        if (current == null) {
            throw ServiceUnavailableException.notEnabled("compute device service", getIdentifier());
        }
        return current.lease();
    }

    @Override
    public List<ConfigVerificationResult> verify(final ConfigurationContext context,
            final ComponentLog verificationLogger, final Map<String, String> variables) {
        final VerificationReport report = new VerificationReport(verificationLogger);
        final CudaSettings settings = settings(context);
        report.step("Driver", () -> "the driver is one for CUDA " + platform.gpus().getFirst().driver());
        report.step("Libraries", () -> libraries(settings.libraries()));
        report.step("Device", () -> {
            final CudaGpu gpu = settings.choose(platform);
            return "device " + gpu.title() + ", compute capability " + gpu.computeCapability();
        });
        report.step("Memory", () -> memory(settings));
        report.step("Forward", () -> {
            try (Backend backend = open(settings)) {
                return DeviceTrial.run(backend);
            }
        });
        return report.results();
    }

    private Backend open(final CudaSettings settings) {
        return platform.open(settings.options(settings.choose(platform)));
    }

    private String libraries(final Path folder) {
        final List<CudaLibrary> libraries = platform.libraries(folder);
        final String missing = libraries.stream().filter(library -> library.needed() && !library.isFound())
                .map(CudaLibrary::remedy).collect(Collectors.joining("; "));
        if (!missing.isEmpty()) {
            throw new IllegalStateException(missing);
        }
        return libraries.stream().map(library -> library.isFound() ? library.name() + " from " + library.place()
                : "convolutions by unfolded windows, because " + library.remedy()).collect(Collectors.joining(", "));
    }

    private String memory(final CudaSettings settings) {
        final CudaGpu gpu = settings.choose(platform);
        final CudaOptions options = settings.options(gpu);
        final long free = platform.freeMemory(gpu.ordinal());
        final String found = MemoryShare.mebibytes(free) + " of " + MemoryShare.mebibytes(gpu.memoryBytes())
                + " are free";
        if (options.memoryBudget() > free) {
            throw new IllegalArgumentException(found + ", but the budget is "
                    + MemoryShare.mebibytes(options.memoryBudget())
                    + "; lower Memory Budget, or end what takes the memory (nvidia-smi shows it)");
        }
        return found + "; the budget is " + (options.memoryBudget() == 0 ? "most of them"
                : MemoryShare.mebibytes(options.memoryBudget()));
    }

    private static CudaSettings settings(final ConfigurationContext context) {
        final DeviceSelection selection = context.getProperty(DEVICE_SELECTION).asAllowableValue(DeviceSelection.class);
        final String folder = context.getProperty(CUDA_LIBRARIES_FOLDER).evaluateAttributeExpressions().getValue();
        return new CudaSettings(selection,
                selection == DeviceSelection.INDEX
                        ? context.getProperty(DEVICE_INDEX).evaluateAttributeExpressions().asInteger() : 0,
                context.getProperty(DEVICE_UUID).evaluateAttributeExpressions().getValue(),
                context.getProperty(MEMORY_BUDGET).evaluateAttributeExpressions().getValue(),
                context.getProperty(PRECISION).asAllowableValue(Precision.class).type(),
                Duration.ofMillis(context.getProperty(STEP_TIMEOUT).evaluateAttributeExpressions()
                        .asTimePeriod(TimeUnit.MILLISECONDS)),
                folder == null ? null : Path.of(folder));
    }
}
