package io.qwenimage.tokenizer;

import io.qwenimage.weights.WeightException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-level BPE with added tokens, as transformers' {@code Qwen2Tokenizer} computes it. Nothing is truncated or
 * padded. Safe for use by several threads; the native memory (about 80 MB for the published vocabulary) belongs to this
 * and is freed by {@link #close()}.
 *
 * <p>A Java string may hold unpaired surrogates, which no Unicode text has; each is read as U+FFFD.
 */
public final class Tokenizer implements AutoCloseable {
    /**
     * Longest text that is encoded, in UTF-16 units. The native library ends the whole process on longer runs of white
     * space (from ten million on).
     */
    public static final int MAXIMUM_CHARACTERS = 1 << 21;

    private final Path folder;
    private final Map<String, Integer> addedIds = new LinkedHashMap<>();
    private final List<String> specialTokens;
    private final int size;
    private final NativeTokenizer recognising;
    private NativeTokenizer literal;
    private boolean closed;

    private Tokenizer(final Path folder) {
        this.folder = folder;
        final TokenizerDefinition definition = TokenizerFolder.read(folder);
        this.size = definition.size();
        definition.addedTokens().forEach(token -> addedIds.put(token.content(), token.id()));
        this.specialTokens = definition.addedTokens().stream().filter(AddedToken::special).map(AddedToken::content)
                .toList();
        this.recognising = NativeTokenizer.create(definition.origin(), definition.toJson(token -> true));
    }

    /**
     * Opens a tokenizer's folder: tokenizer.json, or vocab.json and merges.txt with the added tokens of
     * tokenizer_config.json, added_tokens.json and special_tokens_map.json.
     *
     * @throws WeightException       if files are missing or damaged, or the tokenizer is of another kind
     * @throws IllegalStateException if the native library cannot be loaded on this machine
     */
    public static Tokenizer open(final Path folder) {
        return new Tokenizer(folder);
    }

    /**
     * Token ids of a text; added tokens in it, special ones too, are recognised, as in transformers' default.
     *
     * @throws IllegalArgumentException if the text has more than {@link #MAXIMUM_CHARACTERS}
     */
    public int[] encode(final String text) {
        return recognising.encode(checked(text));
    }

    /**
     * Token ids of a text in which special tokens are plain characters, as transformers'
     * {@code split_special_tokens=True}: what a stranger wrote cannot end its own turn. The first call reads
     * the folder and takes as much native memory again.
     *
     * @throws IllegalArgumentException if the text has more than {@link #MAXIMUM_CHARACTERS}
     */
    public int[] encodeLiterally(final String text) {
        return literal().encode(checked(text));
    }

    /** The text of token ids, special tokens included; bytes that are no UTF-8 become U+FFFD, unknown ids nothing. */
    public String decode(final int... ids) {
        return recognising.decode(ids, false);
    }

    /** The text of token ids without special tokens. */
    public String decodeWithoutSpecialTokens(final int... ids) {
        return recognising.decode(ids, true);
    }

    /**
     * The id of one token, an added one or a word that is a single token.
     *
     * @throws WeightException if the text is not exactly one token
     */
    public int idOf(final String token) {
        final Integer added = addedIds.get(token);
        if (added != null) {
            return added;
        }
        final int[] ids = encode(token);
        if (ids.length != 1) {
            throw new WeightException("tokenizer " + folder + " has no token '" + token + "' ("
                    + ids.length + " tokens spell it); the folder belongs to another model");
        }
        return ids[0];
    }

    /** Whether there is an added token of that content. */
    public boolean hasAddedToken(final String content) {
        return addedIds.containsKey(content);
    }

    /** The control tokens that no text of a stranger may act as. */
    public List<String> specialTokens() {
        return specialTokens;
    }

    /** One more than the highest id; a model's embedding has at least as many rows. */
    public int size() {
        return size;
    }

    @Override
    public synchronized void close() {
        closed = true;
        recognising.close();
        if (literal != null) {
            literal.close();
        }
    }

    private synchronized NativeTokenizer literal() {
        if (closed) {
            throw new IllegalStateException("the tokenizer is closed");
        }
        if (literal == null) {
            // Read again rather than kept: a vocabulary takes tens of megabytes on the heap.
            final TokenizerDefinition definition = TokenizerFolder.read(folder);
            literal = NativeTokenizer.create(definition.origin(), definition.toJson(token -> !token.special()));
        }
        return literal;
    }

    private static String checked(final String text) {
        if (text.length() > MAXIMUM_CHARACTERS) {
            throw new IllegalArgumentException("a text of " + text.length() + " characters cannot be encoded; at most "
                    + MAXIMUM_CHARACTERS + " are accepted. Shorten it");
        }
        return wellFormed(text);
    }

    private static String wellFormed(final String text) {
        StringBuilder mended = null;
        for (int i = 0; i < text.length(); i++) {
            if (!Character.isSurrogate(text.charAt(i))) {
                continue;
            }
            if (i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                i++;
                continue;
            }
            if (mended == null) {
                mended = new StringBuilder(text);
            }
            mended.setCharAt(i, '\ufffd');
        }
        return mended == null ? text : mended.toString();
    }
}
