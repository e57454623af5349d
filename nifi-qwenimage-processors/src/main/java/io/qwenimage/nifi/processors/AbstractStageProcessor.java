package io.qwenimage.nifi.processors;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.ProcessContext;

/** The stages from a prompt to a picture: each runs on a Qwen-Image model. */
abstract class AbstractStageProcessor extends AbstractModelProcessor<QwenImagePipeline> {
    static final PropertyDescriptor MODEL_SERVICE = new PropertyDescriptor.Builder()
            .name("Model Service")
            .description("The model that does the work. All stages of one picture need the same model.")
            .required(true)
            .identifiesControllerService(QwenImageModelService.class)
            .build();

    /**
     * Does the smallest piece of work of this stage.
     *
     * @return what was done, in words
     */
    abstract String tryOut(TinyForward forward);

    @Override
    final ModelLease<QwenImagePipeline> acquire(final ProcessContext context, final Cancellation cancellation) {
        return context.getProperty(MODEL_SERVICE).asControllerService(QwenImageModelService.class)
                .acquire(cancellation);
    }

    @Override
    final String describeModel(final QwenImagePipeline pipeline) {
        final ModelCard card = pipeline.card();
        return card.displayName() + " (" + card.id() + ")"
                + (card.trained() ? "" : "; its weights are random, its pictures show nothing");
    }

    @Override
    final String tryOut(final QwenImagePipeline pipeline) {
        return tryOut(new TinyForward(pipeline));
    }
}
