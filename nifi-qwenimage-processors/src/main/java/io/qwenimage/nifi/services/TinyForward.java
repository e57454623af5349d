package io.qwenimage.nifi.services;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import java.util.List;
import java.util.concurrent.CancellationException;

/** The smallest piece of work through each stage of a model, for verification. */
public final class TinyForward {
    private static final String PROMPT = "a";
    private static final int TOKENS_PER_SIDE = 2;
    /** A schedule that is stretched to its terminal value has at least two. */
    private static final int STEPS = 2;
    private static final int PICTURE_SIDE = 64;

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

    /** Encodes a small black picture. */
    public Bundle encodeImage() {
        final RgbImage picture = new RgbImage(PICTURE_SIDE, PICTURE_SIDE, new byte[PICTURE_SIDE * PICTURE_SIDE * 3]);
        return pipeline.encodeImage(new ImageRequest(List.of(picture)), UNTIL_INTERRUPTED);
    }

    /** Encodes a prompt of one letter, with a picture for a model that needs one. */
    public Bundle encode() {
        final TextRequest request = new TextRequest(PROMPT, null);
        return pipeline.card().edits() ? pipeline.encodeText(encodeImage(), request, UNTIL_INTERRUPTED)
                : pipeline.encodeText(request, UNTIL_INTERRUPTED);
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
