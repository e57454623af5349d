package io.qwenimage.pipeline;

import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.RgbImage;
import java.util.List;

/**
 * A question whose answer is text, or JSON of a given form.
 *
 * @param images       shown before the question, in order
 * @param prompt       what is asked; {@link CaptionPreset} has questions
 * @param maxNewTokens longest answer in tokens
 * @param sampling     how tokens are chosen; null for the best one each time, with the penalty that the model recommends
 * @param stopStrings  end the answer where they begin
 * @param json         whether the answer must be JSON
 * @param schema       JSON schema that it must fit; null if any JSON will do
 * @param retries      how often it is asked for again if it does not
 */
public record CaptionRequest(List<RgbImage> images, String prompt, int maxNewTokens, SamplingSettings sampling,
        List<String> stopStrings, boolean json, String schema, int retries) {
    /** Most retries that can be asked for. */
    public static final int MAXIMUM_RETRIES = 100;

    public CaptionRequest {
        images = List.copyOf(images);
        stopStrings = List.copyOf(stopStrings);
    }

    /** A question whose answer may be any text. */
    public static CaptionRequest text(final List<RgbImage> images, final String prompt, final int maxNewTokens,
            final SamplingSettings sampling) {
        return new CaptionRequest(images, prompt, maxNewTokens, sampling, List.of(), false, null, 0);
    }
}
