package io.qwenimage.pipeline;

/** Refuses prompts that no model can follow, by name, value and remedy. */
final class Prompts {
    private Prompts() {
    }

    static void check(final TextRequest request) {
        if (request.prompt() == null || request.prompt().isBlank()) {
            throw new DataException("the prompt is empty; say what the picture shall show");
        }
        checkLength("prompt", request.prompt());
        if (request.negativePrompt() != null) {
            checkLength("negative prompt", request.negativePrompt());
        }
        if (request.maxSequenceLength() < 1 || request.maxSequenceLength() > TextRequest.MAXIMUM_TOKENS) {
            throw new DataException("the maximum sequence length is " + request.maxSequenceLength()
                    + "; it must lie between 1 and " + TextRequest.MAXIMUM_TOKENS);
        }
    }

    private static void checkLength(final String name, final String text) {
        if (text.length() > PromptTemplate.MAXIMUM_CHARACTERS) {
            throw new DataException("the " + name + " has " + text.length() + " characters; at most "
                    + PromptTemplate.MAXIMUM_CHARACTERS + " are read, of which the model keeps the first "
                    + TextRequest.MAXIMUM_TOKENS + " tokens. Shorten it");
        }
    }
}
