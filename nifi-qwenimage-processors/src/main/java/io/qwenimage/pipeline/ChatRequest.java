package io.qwenimage.pipeline;

import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import java.util.List;

/**
 * A question about pictures, or about none.
 *
 * @param images       shown before the question, in order
 * @param prompt       what is asked
 * @param maxNewTokens longest answer in tokens
 * @param sampling     how tokens are chosen; null for the best one each time, with the penalty that the model recommends
 * @param stopStrings  end the answer where they begin
 */
public record ChatRequest(List<RgbImage> images, String prompt, int maxNewTokens, SamplingSettings sampling,
        List<String> stopStrings) {
    /** Longest answer that can be asked for. */
    public static final int MAXIMUM_NEW_TOKENS = 32768;

    public ChatRequest {
        images = List.copyOf(images);
        stopStrings = List.copyOf(stopStrings);
    }
}
