package io.qwenimage.nifi.services.standard;

import io.qwenimage.nifi.services.QwenVisionLanguageModelService;
import io.qwenimage.nifi.services.TinyQuestion;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;

@Tags({"qwen", "vision", "language", "caption", "grounding", "model", "weights"})
@SeeAlso({CpuComputeDeviceService.class, CudaComputeDeviceService.class,
    StandardQwenImageModelService.class})
@CapabilityDescription("Holds a model of the Qwen-VL family, which answers questions about pictures, and lends it to "
        + "processors. Weights are loaded when a processor first needs them.")
public class StandardQwenVisionLanguageModelService extends AbstractModelService<VisionLanguagePipeline>
        implements QwenVisionLanguageModelService {
    static final PropertyDescriptor MODEL_FOLDER = modelFolder("The folder that holds config.json and the weights of "
            + "Qwen2-VL, Qwen2.5-VL or Qwen3-VL; or the folder of a Qwen-Image model, whose text encoder is one.");

    public StandardQwenVisionLanguageModelService() {
        this(new VisionLanguageLibrary());
    }

    StandardQwenVisionLanguageModelService(final ModelLibrary<VisionLanguagePipeline> library) {
        super(library, VisionLanguagePipeline::close, MODEL_FOLDER);
    }

    @Override
    String tryOut(final VisionLanguagePipeline pipeline) {
        final VisionLanguageCard card = pipeline.card();
        return card.displayName() + " (" + card.modelType() + ") saw a small picture and answered with "
                + new TinyQuestion(pipeline).ask().tokenIds().length + " tokens"
                + (card.trained() ? "" : "; its weights are random: the answer says nothing");
    }
}
