package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Keys and values of the tokens seen so far, one pair a layer; belongs to one conversation and its arena. */
public final class KeyValueCache {
    /** Keys and values of all tokens up to and including the newest, each [L, H, D]. */
    record Entry(Tensor key, Tensor value) {
    }

    private final Backend backend;
    private final List<Entry> layers = new ArrayList<>();
    private final int capacity;
    private int length;

    /**
     * Reserves memory.
     *
     * @param arena    the owner
     * @param capacity how many tokens the conversation may have
     */
    public KeyValueCache(final Backend backend, final Arena arena, final LanguageConfig config, final int capacity) {
        this.backend = backend;
        this.capacity = capacity;
        final Shape shape = Shape.of(capacity, config.numKeyValueHeads(), config.headDim());
        for (int i = 0; i < config.numHiddenLayers(); i++) {
            layers.add(new Entry(arena.allocate(backend.activationType(), shape),
                    arena.allocate(backend.activationType(), shape)));
        }
    }

    /** How many tokens it holds. */
    public int length() {
        return length;
    }

    /** Adds the newest tokens of one layer; they count once {@link #advance} is called. */
    Entry append(final int layer, final Tensor key, final Tensor value) {
        final long added = key.shape().extent(0);
        if (length + added > capacity) {
            throw new IllegalArgumentException("the cache holds " + length + " of " + capacity + " tokens; " + added
                    + " more do not fit");
        }
        final Entry stored = layers.get(layer);
        backend.store(stored.key(), length, key);
        backend.store(stored.value(), length, value);
        final Shape filled = Shape.of(length + added, key.shape().extent(1), key.shape().extent(2));
        return new Entry(backend.slice(stored.key(), 0, filled), backend.slice(stored.value(), 0, filled));
    }

    /** Counts tokens that all layers have added. */
    void advance(final int tokens) {
        length += tokens;
    }
}
