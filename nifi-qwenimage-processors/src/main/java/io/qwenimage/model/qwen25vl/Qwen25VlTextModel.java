package io.qwenimage.model.qwen25vl;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Embedding;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.ArrayList;
import java.util.List;

/** The language model without its head, {@code Qwen2_5_VLTextModel} of transformers. */
public final class Qwen25VlTextModel {
    /** Where the language model lies in a checkpoint: as saved today, and as published from 2024 on. */
    private static final List<String> PREFIXES = List.of("model.language_model", "language_model.model", "model");

    private final Backend backend;
    private final Qwen25VlTextConfig config;
    private final Embedding embedTokens;
    private final List<Qwen25VlDecoderLayer> layers;
    private final RmsNorm norm;

    /**
     * Loads all weights; they belong to the arena of the scope.
     *
     * @param scope of the language model: see {@link #scope}
     */
    public Qwen25VlTextModel(final ModuleScope scope, final Qwen25VlTextConfig config) {
        this.backend = scope.backend();
        this.config = config;
        embedTokens = Embedding.load(scope.sub("embed_tokens"), config.vocabSize(), config.hiddenSize());
        layers = new ArrayList<>();
        for (int i = 0; i < config.numHiddenLayers(); i++) {
            layers.add(Qwen25VlDecoderLayer.load(scope.sub("layers").sub(i), config));
        }
        norm = RmsNorm.load(scope.sub("norm"), config.hiddenSize(), config.rmsNormEps());
    }

    /**
     * Finds the language model in a checkpoint of Qwen2.5-VL, whichever way its names are spelled.
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
    public Qwen25VlTextConfig config() {
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

    /**
     * Hidden states after the final norm: {@code hidden_states[-1]} of the reference.
     *
     * @param arena the owner of the result
     * @param ids   tokens, at positions 0, 1, ...
     * @return [L, D]
     */
    public Tensor forward(final Arena arena, final int[] ids, final Cancellation cancellation,
            final LayerObserver observer) {
        try (Arena scratch = arena.open("language model")) {
            final RotaryTable rotary = rotary(scratch, ids.length);
            // The hidden states outlive the layer that made them by one layer only.
            Arena current = scratch.open("embeddings");
            Tensor hidden = embedTokens.forward(current, ids); // [L, D]
            observer.onLayer("embed_tokens", hidden);
            for (int i = 0; i < layers.size(); i++) {
                cancellation.check();
                final Arena next = scratch.open("hidden states after layer " + i);
                try (Arena layer = next.open("decoder layer " + i)) {
                    hidden = layer.keep(layers.get(i).forward(layer, hidden, rotary));
                }
                current.close();
                current = next;
                observer.onLayer("layers." + i, hidden);
            }
            return scratch.keep(norm.forward(scratch, hidden)); // [L, D]
        }
    }

    /** Text has the same position on all three axes, so that the sections of multimodal RoPE make no difference. */
    private RotaryTable rotary(final Arena arena, final int length) {
        final int pairs = config.headDim() / 2;
        final float[] cosine = new float[length * pairs];
        final float[] sine = new float[length * pairs];
        for (int i = 0; i < pairs; i++) {
            final float frequency = 1f / (float) Math.pow(config.ropeTheta(), 2f * i / config.headDim());
            for (int position = 0; position < length; position++) {
                final float angle = position * frequency;
                cosine[position * pairs + i] = (float) Math.cos(angle);
                sine[position * pairs + i] = (float) Math.sin(angle);
            }
        }
        final Shape shape = Shape.of(length, pairs);
        return new RotaryTable(backend.uploadExact(arena, HostTensor.ofFloats(shape, cosine)),
                backend.uploadExact(arena, HostTensor.ofFloats(shape, sine)), RotaryTable.Pairs.HALVES);
    }
}
