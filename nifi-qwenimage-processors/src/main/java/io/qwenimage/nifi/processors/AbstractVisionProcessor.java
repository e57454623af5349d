package io.qwenimage.nifi.processors;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenVisionLanguageModelService;
import io.qwenimage.nifi.services.TinyQuestion;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.ProcessContext;

/** The processors that ask a vision-language model about pictures. */
abstract class AbstractVisionProcessor extends AbstractModelProcessor<VisionLanguagePipeline> {
    static final PropertyDescriptor MODEL_SERVICE = new PropertyDescriptor.Builder()
            .name("Model Service")
            .description("The model that answers.")
            .required(true)
            .identifiesControllerService(QwenVisionLanguageModelService.class)
            .build();

    static final String TOKENS_COUNTER = "Answer Tokens";

    @Override
    final ModelLease<VisionLanguagePipeline> acquire(final ProcessContext context, final Cancellation cancellation) {
        return context.getProperty(MODEL_SERVICE).asControllerService(QwenVisionLanguageModelService.class)
                .acquire(cancellation);
    }

    @Override
    final String describeModel(final VisionLanguagePipeline pipeline) {
        final VisionLanguageCard card = pipeline.card();
        return card.displayName() + " (" + card.modelType() + ")"
                + (card.trained() ? "" : "; its weights are random, its answers say nothing");
    }

    @Override
    final String tryOut(final VisionLanguagePipeline pipeline) {
        return "a question about a small picture was answered with " + new TinyQuestion(pipeline).ask().tokenIds().length
                + " tokens";
    }

    /** The attributes that tell which model answered. */
    static Map<String, String> attributes(final VisionLanguageCard card) {
        final Map<String, String> attributes = new LinkedHashMap<>();
        attributes.put(StageAttributes.MODEL, card.displayName());
        attributes.put(StageAttributes.MODEL_TYPE, card.modelType());
        attributes.put(StageAttributes.MODEL_TRAINED, Boolean.toString(card.trained()));
        return attributes;
    }
}
