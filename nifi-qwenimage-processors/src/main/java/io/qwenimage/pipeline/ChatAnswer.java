package io.qwenimage.pipeline;

import io.qwenimage.image.ImageSize;
import java.util.List;

/**
 * An answer.
 *
 * @param text         without control tokens and stop strings
 * @param markedText   the same with the special tokens that the model wrote, apart from the one that ended it: boxes of
 *                     Qwen2-VL stand between such tokens
 * @param inputIds     tokens of the prompt
 * @param tokenIds     tokens of the answer, with the one that ended it
 * @param finished     whether the model ended it or a stop string did; false if it was cut off
 * @param resizedSizes the sizes that the model saw the pictures at: boxes in pixels refer to them
 */
public record ChatAnswer(String text, String markedText, int[] inputIds, int[] tokenIds, boolean finished,
        List<ImageSize> resizedSizes) {
}
