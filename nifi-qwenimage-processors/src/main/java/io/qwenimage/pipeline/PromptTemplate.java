package io.qwenimage.pipeline;

import io.qwenimage.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * How a prompt is put before the language model, {@code QwenImagePipeline._get_qwen_prompt_embeds} of diffusers: the
 * prompt is wrapped in a chat, and the hidden states of the words before it are dropped.
 */
record PromptTemplate(String before, String after, int droppedTokens) {
    /** Longest prompt that is read; no model keeps a fraction of it. */
    static final int MAXIMUM_CHARACTERS = 1 << 16;
    /** Rows of the denoiser's table of positions, {@code QwenEmbedRope} of diffusers. */
    static final int MAXIMUM_KEPT_TOKENS = 4096;

    /** Text to image. */
    static final PromptTemplate TEXT_TO_IMAGE = new PromptTemplate("""
            <|im_start|>system
            Describe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of \
            the objects and background:<|im_end|>
            <|im_start|>user
            """, """
            <|im_end|>
            <|im_start|>assistant
            """, 34);

    /**
     * Editing, {@code QwenImageEditPipeline} and {@code QwenImageEditPlusPipeline}: the pictures stand before the
     * prompt.
     */
    static final PromptTemplate EDIT = new PromptTemplate("""
            <|im_start|>system
            Describe the key features of the input image (color, shape, size, texture, objects, background), then \
            explain how the user's text instruction should alter or modify the image. Generate a new image that meets \
            the user's requirements while maintaining consistency with the original input where \
            appropriate.<|im_end|>
            <|im_start|>user
            """, TEXT_TO_IMAGE.after(), 64);

    /** The whole chat. */
    String apply(final String prompt) {
        return before + prompt + after;
    }

    /**
     * The tokens of a whole chat with pictures. What the user wrote is text, control tokens in it too.
     *
     * @param label         what is said before a picture, by its index
     * @param imageToken    the token that stands for a vector of a picture
     * @param pictureTokens how many vectors each picture has
     */
    int[] tokens(final Tokenizer tokenizer, final IntFunction<String> label, final int imageToken,
            final long[] pictureTokens, final String prompt) {
        final IntStream.Builder ids = IntStream.builder();
        String pending = before;
        for (int picture = 0; picture < pictureTokens.length; picture++) {
            add(ids, tokenizer.encode(pending + label.apply(picture) + "<|vision_start|>"));
            pending = "<|vision_end|>";
            for (long i = 0; i < pictureTokens[picture]; i++) {
                ids.add(imageToken);
            }
        }
        add(ids, tokenizer.encode(pending));
        ChatTemplate.literal(ids, tokenizer, prompt, Set.of());
        add(ids, tokenizer.encode(after));
        return ids.build().toArray();
    }

    /** What the language model sees of a chat: the end is cut off where it is too long. */
    int[] truncated(final int[] ids) {
        final int longest = droppedTokens + TextRequest.MAXIMUM_TOKENS;
        return ids.length <= longest ? ids : Arrays.copyOf(ids, longest);
    }

    private static void add(final IntStream.Builder ids, final int... more) {
        for (final int id : more) {
            ids.add(id);
        }
    }
}
