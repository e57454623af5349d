package io.qwenimage.nifi.services;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import java.util.concurrent.CancellationException;

/** The smallest piece of work through each stage of a model, for verification. */
public final class TinyForward {
    private static final String PROMPT = "a";
    private static final int TOKENS_PER_SIDE = 2;
    /** A schedule that is stretched to its terminal value has at least two. */
    private static final int STEPS = 2;

    private final QwenImagePipeline pipeline;

    public TinyForward(final QwenImagePipeline pipeline) {
        this.pipeline = pipeline;
    }

    /** Calls verification off when its thread is interrupted. */
    public static final Cancellation UNTIL_INTERRUPTED = () -> {
        if (Thread.currentThread().isInterrupted()) {
            throw new CancellationException("the verification was interrupted");
        }
    };

    /** Encodes a prompt of one letter. */
    public Bundle encode() {
        return pipeline.encodeText(new TextRequest(PROMPT, null), UNTIL_INTERRUPTED);
    }

    /** Encodes, and denoises the smallest picture in two steps without guidance. */
    public Bundle denoise() {
        final ModelCard card = pipeline.card();
        final int side = TOKENS_PER_SIDE * card.sizeMultiple();
        return pipeline.denoise(encode(), new DenoiseRequest(side, side, STEPS, 1.0, 0), StepListener.NONE,
                UNTIL_INTERRUPTED);
    }

    /** Encodes, denoises and decodes the smallest picture. */
    public RgbImage decode() {
        return pipeline.decode(denoise(), UNTIL_INTERRUPTED);
    }
}
