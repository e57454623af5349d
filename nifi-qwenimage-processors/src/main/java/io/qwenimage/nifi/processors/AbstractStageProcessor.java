package io.qwenimage.nifi.processors;

import io.qwenimage.nifi.services.QwenImageModelService;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.AbstractProcessor;
import org.apache.nifi.processor.Relationship;

/** What the processors have in common: the model service, the failure relationship, and which fault goes where. */
abstract class AbstractStageProcessor extends AbstractProcessor {
    static final PropertyDescriptor MODEL_SERVICE = new PropertyDescriptor.Builder()
            .name("Model Service")
            .description("The model that does the work. All stages of one picture need the same model.")
            .required(true)
            .identifiesControllerService(QwenImageModelService.class)
            .build();

    static final Relationship FAILURE = new Relationship.Builder()
            .name("failure")
            .description("FlowFiles at fault, content untouched; the attribute qwenimage.error says what is wrong and "
                    + "what would help")
            .build();
}
