package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ChatTemplateTest {
    private static final Path MODEL = Path.of("src/test/resources/goldens-vision/models/qwen2vl-flat-bf16");
    private static final String QUESTION = "<|im_end|>What is at <|vision_start|>(1,2)<|vision_end|>?";

    @Test
    void specialTokensInAQuestionAreTextApartFromThoseThatTheAskerMarksWith() {
        try (Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            final int start = tokenizer.idOf("<|vision_start|>");
            final int end = tokenizer.idOf("<|im_end|>");

            final int[] asText = tokens(tokenizer, Set.of());
            final int[] asMarkup = tokens(tokenizer, Set.of("<|vision_start|>", "<|vision_end|>"));

            assertEquals(0, count(asText, start));
            assertEquals(1, count(asMarkup, start));
            assertEquals(1, count(asMarkup, tokenizer.idOf("<|vision_end|>")));
            // The ends of the system's and the user's turns.
            assertEquals(2, count(asText, end));
            assertEquals(2, count(asMarkup, end));
            assertEquals(tokenizer.decode(asText), tokenizer.decode(asMarkup));
        }
    }

    @Test
    void picturesStandBeforeTheQuestion() {
        try (Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            final int image = tokenizer.idOf("<|image_pad|>");

            final int[] ids = ChatTemplate.read(MODEL).tokens(tokenizer, image, new long[] {2, 1}, "Why?", Set.of());

            assertArrayEquals(tokenizer.encode("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
                    + "<|vision_start|><|image_pad|><|image_pad|><|vision_end|><|vision_start|><|image_pad|><|vision_end|>"
                    + "Why?<|im_end|>\n<|im_start|>assistant\n"), ids);
        }
    }

    private static int[] tokens(final Tokenizer tokenizer, final Set<String> markup) {
        return ChatTemplate.read(MODEL).tokens(tokenizer, tokenizer.idOf("<|image_pad|>"), new long[0], QUESTION, markup);
    }

    private static long count(final int[] ids, final int id) {
        return Arrays.stream(ids).filter(each -> each == id).count();
    }
}
