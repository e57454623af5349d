package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.util.List;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.resource.ResourceCardinality;
import org.apache.nifi.components.resource.ResourceType;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.util.StandardValidators;

@Tags({"qwen", "image", "diffusion", "model", "weights"})
@CapabilityDescription("Holds a Qwen-Image model and lends it to processors. Weights are loaded when a processor first "
        + "needs them.")
public class StandardQwenImageModelService extends AbstractControllerService implements QwenImageModelService {
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

    static final PropertyDescriptor MODEL_FOLDER = new PropertyDescriptor.Builder()
            .name("Model Folder")
            .description("The folder that holds model_index.json.")
            .required(true)
            .dependsOn(MODEL_SOURCE, ModelSource.FOLDER)
            .identifiesExternalResource(ResourceCardinality.SINGLE, ResourceType.DIRECTORY)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createDirectoryExistsValidator(true, false))
            .build();

    static final PropertyDescriptor IDLE_UNLOAD_TIME = new PropertyDescriptor.Builder()
            .name("Idle Unload Time")
            .description("Weights leave memory when nobody has used the model for this long, and return when somebody "
                    + "does. Not set: they stay until the service is disabled.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.TIME_PERIOD_VALIDATOR)
            .build();

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(COMPUTE_DEVICE_SERVICE, MODEL_SOURCE, MODEL_FOLDER, IDLE_UNLOAD_TIME);

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PROPERTIES;
    }

    @Override
    public ModelLease acquire(final Cancellation cancellation) {
        throw new ServiceUnavailableException("the model cannot be opened: this build has no pipeline");
    }
}
