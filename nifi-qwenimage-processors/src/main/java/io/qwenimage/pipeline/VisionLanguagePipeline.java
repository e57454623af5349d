package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageSize;

/**
 * Questions about pictures; the only entry to the vision-language models. Weights are loaded when the first question is
 * asked. Safe for use by several threads; how many run at once is the caller's affair.
 *
 * <p>Faults are those of {@link QwenImagePipeline}; pictures that cannot be taken are refused with an
 * {@link io.qwenimage.image.ImageException}.
 */
public interface VisionLanguagePipeline extends AutoCloseable {
    /** What is known of the model. */
    VisionLanguageCard card();

    /**
     * The size at which the model sees a picture: boxes in pixels refer to it.
     *
     * @throws io.qwenimage.image.ImageException if the model cannot see a picture of that shape
     */
    ImageSize resizedSize(ImageSize original);

    /** How the model's folder recommends to choose tokens; the best one each time if it recommends nothing. */
    default SamplingSettings recommendedSampling() {
        return SamplingSettings.GREEDY;
    }

    /** Answers a question. */
    ChatAnswer chat(ChatRequest request, ChatObserver observer, Cancellation cancellation);

    /** Frees the model's weights. */
    @Override
    void close();
}
