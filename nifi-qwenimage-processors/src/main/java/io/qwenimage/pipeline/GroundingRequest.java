package io.qwenimage.pipeline;

import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import java.util.List;

/**
 * Things to find in a picture.
 *
 * @param phrases      what to find: names or descriptions, one or several
 * @param maxNewTokens longest answer in tokens
 * @param sampling     how tokens are chosen; null for the best one each time, with the penalty that the model recommends
 */
public record GroundingRequest(RgbImage image, List<String> phrases, int maxNewTokens, SamplingSettings sampling) {
    /** Most things that can be asked for at once. */
    public static final int MAXIMUM_PHRASES = 256;

    public GroundingRequest {
        phrases = phrases.stream().map(String::strip).filter(phrase -> !phrase.isEmpty()).distinct().toList();
    }
}
