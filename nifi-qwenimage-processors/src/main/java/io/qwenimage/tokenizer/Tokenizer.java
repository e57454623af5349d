package io.qwenimage.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.nio.file.Path;

/** Byte-level BPE as Hugging Face's library computes it. */
public final class Tokenizer implements AutoCloseable {
    private final HuggingFaceTokenizer tokenizer;

    private Tokenizer(final HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * Opens a tokenizer folder.
     *
     * @throws WeightException if it cannot be read
     */
    public static Tokenizer open(final Path folder) {
        final Path file = folder.resolve("tokenizer.json");
        try {
            return new Tokenizer(HuggingFaceTokenizer.builder().optTokenizerPath(file)
                    .optTruncation(false).optPadding(false).build());
        } catch (IOException e) {
            throw new WeightException("tokenizer " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** The tokens of a text; special tokens in it are recognised. */
    public int[] encode(final String text) {
        final long[] ids = tokenizer.encode(text).getIds();
        final int[] tokens = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            tokens[i] = (int) ids[i];
        }
        return tokens;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
