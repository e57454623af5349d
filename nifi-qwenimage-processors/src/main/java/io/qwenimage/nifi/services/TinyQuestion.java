package io.qwenimage.nifi.services;

import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.ChatRequest;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.util.List;

/** The smallest question about a picture, for verification. */
public final class TinyQuestion {
    private static final int SIDE = 64;
    private static final int TOKENS = 2;

    private final VisionLanguagePipeline pipeline;

    public TinyQuestion(final VisionLanguagePipeline pipeline) {
        this.pipeline = pipeline;
    }

    /** Shows a small black picture and asks for two tokens. */
    public ChatAnswer ask() {
        final RgbImage picture = new RgbImage(SIDE, SIDE, new byte[SIDE * SIDE * 3]);
        return pipeline.chat(new ChatRequest(List.of(picture), "a", TOKENS, null, List.of()), ChatObserver.NONE,
                TinyForward.UNTIL_INTERRUPTED);
    }
}
