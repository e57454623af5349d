package io.qwenimage.pipeline;

import java.util.Arrays;

/**
 * How a prompt is put before the language model, {@code QwenImagePipeline._get_qwen_prompt_embeds} of diffusers: the
 * prompt is wrapped in a chat, and the hidden states of the words before it are dropped.
 */
record PromptTemplate(String before, String after, int droppedTokens) {
    /** Longest prompt that is read; no model keeps a fraction of it. */
    static final int MAXIMUM_CHARACTERS = 1 << 16;

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

    /** The whole chat. */
    String apply(final String prompt) {
        return before + prompt + after;
    }

    /** What the language model sees of a chat: the end is cut off where it is too long. */
    int[] truncated(final int[] ids) {
        final int longest = droppedTokens + TextRequest.MAXIMUM_TOKENS;
        return ids.length <= longest ? ids : Arrays.copyOf(ids, longest);
    }
}
