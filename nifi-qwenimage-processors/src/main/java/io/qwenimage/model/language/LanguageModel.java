package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Embedding;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.ArrayList;
import java.util.List;

/** The language model without its head: {@code Qwen2_5_VLTextModel} and its siblings of transformers. */
public final class LanguageModel {
    /** Where the language model lies in a checkpoint: as saved today, and as published from 2024 on. */
    private static final List<String> PREFIXES = List.of("model.language_model", "language_model.model", "model");

    private final Backend backend;
    private final LanguageConfig config;
    private final Embedding embedTokens;
    private final List<DecoderLayer> layers;
    private final RmsNorm norm;

    /**
     * Loads all weights; they belong to the arena of the scope.
     *
     * @param scope of the language model: see {@link #scope}
     */
    public LanguageModel(final ModuleScope scope, final LanguageConfig config) {
        this.backend = scope.backend();
        this.config = config;
        embedTokens = Embedding.load(scope.sub("embed_tokens"), config.vocabSize(), config.hiddenSize());
        layers = new ArrayList<>();
        for (int i = 0; i < config.numHiddenLayers(); i++) {
            layers.add(DecoderLayer.load(scope.sub("layers").sub(i), config));
        }
        norm = RmsNorm.load(scope.sub("norm"), config.hiddenSize(), config.rmsNormEps());
    }

    /**
     * Finds the language model in a checkpoint of the family, whichever way its names are spelled.
     *
     * @throws WeightException if there is none
     */
    public static WeightScope scope(final WeightSource source) {
        for (final String prefix : PREFIXES) {
            final WeightScope scope = WeightScope.of(source).sub(prefix);
            if (scope.has("embed_tokens.weight")) {
                return scope;
            }
        }
        throw new WeightException("no language model in " + source.origin() + ": embed_tokens.weight is under none of "
                + PREFIXES + "; the folder is incomplete or belongs to another architecture");
    }

    /** What the model was built from. */
    public LanguageConfig config() {
        return config;
    }

    /** Hears the hidden states between layers; for tests and diagnosis. */
    @FunctionalInterface
    public interface LayerObserver {
        /** Hears nothing. */
        LayerObserver NONE = (name, hidden) -> { };

        /**
         * Called after a layer.
         *
         * @param name   path below the language model's scope
         * @param hidden [L, D]
         */
        void onLayer(String name, Tensor hidden);
    }

    /** Tokens as vectors: [L, D]. */
    public Tensor embed(final Arena arena, final int... ids) {
        return embedTokens.forward(arena, ids);
    }

    /**
     * Features of pictures that are added to the hidden states after the first layers, arXiv 2406.04334.
     *
     * @param layers for each of the first layers, what is added to rows of a picture, in the order of {@code spans}
     * @param spans  first row and number of rows of each picture
     */
    public record Deepstack(List<List<Tensor>> layers, List<int[]> spans) {
        /** Nothing to add. */
        public static final Deepstack NONE = new Deepstack(List.of(), List.of());
    }

    /**
     * Hidden states after the final norm: {@code hidden_states[-1]} of the reference.
     *
     * @param arena      the owner of the result
     * @param embeddings [L, D], of tokens and pictures
     * @param cache      earlier tokens, which grows by these; null for none
     * @return [L, D]
     */
    public Tensor forward(final Arena arena, final Tensor embeddings, final Positions positions,
            final KeyValueCache cache, final Deepstack deepstack, final Cancellation cancellation,
            final LayerObserver observer) {
        try (Arena scratch = arena.open("language model")) {
            final RotaryTable rotary = config.mrope().table(backend, scratch, positions, config.ropeTheta(),
                    config.headDim());
            // The hidden states outlive the layer that made them by one layer only.
            Arena current = scratch.open("embeddings");
            Tensor hidden = embeddings; // [L, D]
            observer.onLayer("embed_tokens", hidden);
            for (int i = 0; i < layers.size(); i++) {
                cancellation.check();
                final Arena next = scratch.open("hidden states after layer " + i);
                try (Arena layer = next.open("decoder layer " + i)) {
                    final Tensor out = layers.get(i).forward(layer, hidden, rotary, i, cache);
                    hidden = layer.keep(i < deepstack.layers().size()
                            ? stacked(layer, out, deepstack.layers().get(i), deepstack.spans()) : out);
                }
                current.close();
                current = next;
                observer.onLayer("layers." + i, hidden);
            }
            if (cache != null) {
                cache.advance(positions.length());
            }
            return scratch.keep(norm.forward(scratch, hidden)); // [L, D]
        }
    }

    /** Adds features to the rows of their pictures; the rows between are text and stay. */
    private Tensor stacked(final Arena arena, final Tensor hidden, final List<Tensor> features,
            final List<int[]> spans) {
        final List<Tensor> parts = new ArrayList<>();
        long row = 0;
        for (int i = 0; i < spans.size(); i++) {
            final int first = spans.get(i)[0];
            final int count = spans.get(i)[1];
            if (first > row) {
                parts.add(rows(hidden, row, first - row));
            }
            parts.add(backend.add(arena, rows(hidden, first, count), features.get(i)));
            row = first + (long) count;
        }
        if (row < hidden.shape().extent(0)) {
            parts.add(rows(hidden, row, hidden.shape().extent(0) - row));
        }
        return backend.concat(arena, parts.toArray(new Tensor[0])); // [L, D]
    }

    private Tensor rows(final Tensor hidden, final long first, final long count) {
        final long width = hidden.shape().extent(-1);
        return backend.slice(hidden, first * width, Shape.of(count, width));
    }
}
