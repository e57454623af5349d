package io.qwenimage.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gathers added tokens from several files; the first that tells of a token says what it is. */
final class AddedTokens {
    private final Map<String, Integer> vocabulary;
    private final Map<String, AddedToken> tokens = new LinkedHashMap<>();
    private int next;

    AddedTokens(final Map<String, Integer> vocabulary) {
        this.vocabulary = vocabulary;
        vocabulary.values().forEach(id -> next = Math.max(next, id + 1));
    }

    /** Adds a token unless there is one of that content. */
    void add(final AddedToken token) {
        if (tokens.putIfAbsent(token.content(), token) == null) {
            next = Math.max(next, token.id() + 1);
        }
    }

    /** Makes a token special; one that is unknown gets the vocabulary's id or the next free one. */
    void addSpecial(final String content) {
        final AddedToken known = tokens.get(content);
        if (known != null) {
            tokens.put(content, known.asSpecial());
        } else {
            final Integer id = vocabulary.get(content);
            add(new AddedToken(content, id == null ? next : id, false, false, false, false, true));
        }
    }

    /** All tokens in the order of their ids. */
    List<AddedToken> inOrder() {
        final List<AddedToken> ordered = new ArrayList<>(tokens.values());
        ordered.sort(Comparator.comparingInt(AddedToken::id));
        return ordered;
    }
}
