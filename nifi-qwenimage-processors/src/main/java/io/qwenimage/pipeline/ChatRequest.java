package io.qwenimage.pipeline;

import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import java.util.List;
import java.util.Set;

/**
 * A question about pictures, or about none.
 *
 * @param images       shown before the question, in order
 * @param prompt       what is asked
 * @param maxNewTokens longest answer in tokens
 * @param sampling     how tokens are chosen; null for the best one each time, with the penalty that the model recommends
 * @param stopStrings  end the answer where they begin
 * @param markup       special tokens that act as such in the question, those that mark boxes; all others in it are text
 */
public record ChatRequest(List<RgbImage> images, String prompt, int maxNewTokens, SamplingSettings sampling,
        List<String> stopStrings, Set<String> markup) {
    /** Longest answer that can be asked for. */
    public static final int MAXIMUM_NEW_TOKENS = 32768;

    public ChatRequest {
        images = List.copyOf(images);
        stopStrings = List.copyOf(stopStrings);
        markup = Set.copyOf(markup);
    }

    /** A question in which no special token acts. */
    public ChatRequest(final List<RgbImage> images, final String prompt, final int maxNewTokens,
            final SamplingSettings sampling, final List<String> stopStrings) {
        this(images, prompt, maxNewTokens, sampling, stopStrings, Set.of());
    }
}
