package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.nifi.services.VerificationReport;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.nifi.annotation.lifecycle.OnDisabled;
import org.apache.nifi.annotation.lifecycle.OnEnabled;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.resource.ResourceCardinality;
import org.apache.nifi.components.resource.ResourceType;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.controller.VerifiableControllerService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.reporting.InitializationException;

/**
 * What the model services have in common: a folder that is looked through when the service is enabled, weights that
 * come when they are first wanted and go when nobody wants them.
 *
 * @param <P> the kind of pipeline
 */
public abstract class AbstractModelService<P> extends AbstractControllerService
        implements VerifiableControllerService {
    static final PropertyDescriptor COMPUTE_DEVICE_SERVICE = new PropertyDescriptor.Builder()
            .name("Compute Device Service")
            .description("The device that the model runs on.")
            .required(true)
            .identifiesControllerService(ComputeDeviceService.class)
            .build();

    static final PropertyDescriptor MODEL_SOURCE = new PropertyDescriptor.Builder()
            .name("Model Source")
            .description("Where the model comes from.")
            .required(true)
            .allowableValues(ModelSource.class)
            .defaultValue(ModelSource.EMBEDDED_DEMO)
            .build();

    static final PropertyDescriptor IDLE_UNLOAD_TIME = new PropertyDescriptor.Builder()
            .name("Idle Unload Time")
            .description("Weights leave memory when nobody has used the model for this long, and return when somebody "
                    + "does. Not set: they stay until the service is disabled.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.TIME_PERIOD_VALIDATOR)
            .build();

    private static final int IDLE_CHECKS_PER_PERIOD = 10;
    private static final long SHORTEST_IDLE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final ModelLibrary<P> library;
    private final Consumer<P> closer;
    private final PropertyDescriptor modelFolder;
    private volatile ModelKeeper<P> keeper;
    private volatile ScheduledExecutorService idleWatch;

    /**
     * @param library     opens models
     * @param closer      frees them
     * @param modelFolder the property that names a folder
     */
    AbstractModelService(final ModelLibrary<P> library, final Consumer<P> closer,
            final PropertyDescriptor modelFolder) {
        this.library = library;
        this.closer = closer;
        this.modelFolder = modelFolder;
    }

    /** The property that names a model's folder. */
    static PropertyDescriptor modelFolder(final String description) {
        return new PropertyDescriptor.Builder()
                .name("Model Folder")
                .description(description)
                .required(true)
                .dependsOn(MODEL_SOURCE, ModelSource.FOLDER)
                .identifiesExternalResource(ResourceCardinality.SINGLE, ResourceType.DIRECTORY)
                .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
                .addValidator(StandardValidators.createDirectoryExistsValidator(true, false))
                .build();
    }

    /**
     * Does the smallest piece of work that needs the whole model.
     *
     * @return what was done, in words
     */
    abstract String tryOut(P pipeline);

    @Override
    protected final List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return List.of(COMPUTE_DEVICE_SERVICE, MODEL_SOURCE, modelFolder, IDLE_UNLOAD_TIME);
    }

    /**
     * Looks the model folder through; its weights are loaded when a processor first needs them, so that enabling takes
     * seconds.
     *
     * @throws InitializationException if the folder does not hold a usable model; says what is wrong with it
     */
    @OnEnabled
    public void onEnabled(final ConfigurationContext context) throws InitializationException {
        final ComputeDeviceService device = device(context);
        final Path folder = usableFolder(context, device);
        final ModelKeeper<P> opened = new ModelKeeper<>(device, opener(context, folder), closer, System::nanoTime);
        final Long idleNanos =
                context.getProperty(IDLE_UNLOAD_TIME).evaluateAttributeExpressions().asTimePeriod(TimeUnit.NANOSECONDS);
        if (idleNanos != null) {
            idleWatch = watch(opened, idleNanos);
        }
        keeper = opened;
    }

    /** Frees the weights, now or when the last lease is closed. */
    @OnDisabled
    public void onDisabled() {
        final ScheduledExecutorService watching = idleWatch;
        idleWatch = null;
        if (watching != null) {
            watching.shutdownNow();
        }
        final ModelKeeper<P> retiring = keeper;
        keeper = null;
        if (retiring != null) {
            retiring.retire();
        }
    }

    /** Lends the model; see the services' interfaces. */
    public ModelLease<P> acquire(final Cancellation cancellation) {
        final ModelKeeper<P> current = keeper;
        if (current == null) {
            throw ServiceUnavailableException.notEnabled("model service", getIdentifier());
        }
        return current.lease(cancellation);
    }

    @Override
    public List<ConfigVerificationResult> verify(final ConfigurationContext context,
            final ComponentLog verificationLogger, final Map<String, String> variables) {
        final VerificationReport report = new VerificationReport(verificationLogger);
        report.step("Compute Device", () -> {
            try (DeviceLease lease = device(context).acquire()) {
                return lease.backend().describe();
            }
        });
        if (!report.failed()) {
            inspect(report, context);
        }
        report.step("Forward", () -> forward(folder(context), device(context)));
        return report.results();
    }

    private void inspect(final VerificationReport report, final ConfigurationContext context) {
        try (DeviceLease lease = device(context).acquire()) {
            for (final VerificationStep step : library.inspect(folder(context), lease.backend())) {
                report.add(step.name(), step.successful(), step.explanation());
            }
        } catch (final RuntimeException e) {
            report.add("Folder", false, e.getMessage());
        }
    }

    private String forward(final Path folder, final ComputeDeviceService device) {
        final ModelKeeper<P> trial =
                new ModelKeeper<>(device, components -> library.open(folder, components), closer, System::nanoTime);
        try (ModelLease<P> lease = trial.lease(TinyForward.UNTIL_INTERRUPTED)) {
            return tryOut(lease.pipeline());
        } finally {
            trial.retire();
        }
    }

    private Path usableFolder(final ConfigurationContext context, final ComputeDeviceService device)
            throws InitializationException {
        try (DeviceLease lease = device.acquire()) {
            final Path folder = folder(context);
            final List<VerificationStep> faults = library.inspect(folder, lease.backend()).stream()
                    .filter(step -> !step.successful())
                    .toList();
            if (!faults.isEmpty()) {
                throw new InitializationException("the model folder " + folder + " cannot be used: "
                        + faults.stream().map(VerificationStep::explanation).collect(Collectors.joining("; ")));
            }
            return folder;
        } catch (final RuntimeException e) {
            throw new InitializationException("the model cannot be used: " + e.getMessage(), e);
        }
    }

    /** The demo model is unpacked anew where a clean-up of temporary files has removed it meanwhile. */
    private Function<ComponentStore, P> opener(final ConfigurationContext context, final Path folder) {
        final ModelSource source = context.getProperty(MODEL_SOURCE).asAllowableValue(ModelSource.class);
        return components ->
                library.open(source == ModelSource.EMBEDDED_DEMO ? library.demoFolder() : folder, components);
    }

    private Path folder(final ConfigurationContext context) {
        final ModelSource source = context.getProperty(MODEL_SOURCE).asAllowableValue(ModelSource.class);
        return switch (source) {
            case EMBEDDED_DEMO -> library.demoFolder();
            case FOLDER -> Path.of(context.getProperty(modelFolder).evaluateAttributeExpressions().getValue());
        };
    }

    private ScheduledExecutorService watch(final ModelKeeper<P> model, final long idleNanos) {
        final ScheduledExecutorService watching = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("qwenimage-idle-" + getIdentifier()).factory());
        final long period = Math.max(idleNanos / IDLE_CHECKS_PER_PERIOD, SHORTEST_IDLE_CHECK_NANOS);
        watching.scheduleWithFixedDelay(() -> {
            try {
                if (model.closeIfIdle(idleNanos)) {
                    getLogger().info("The model was idle; its weights left memory and return when they are needed");
                }
            } catch (final RuntimeException e) {
                getLogger().error("The idle model could not be closed: {}", e.getMessage(), e);
            }
        }, period, period, TimeUnit.NANOSECONDS);
        return watching;
    }

    private static ComputeDeviceService device(final ConfigurationContext context) {
        return context.getProperty(COMPUTE_DEVICE_SERVICE).asControllerService(ComputeDeviceService.class);
    }
}
