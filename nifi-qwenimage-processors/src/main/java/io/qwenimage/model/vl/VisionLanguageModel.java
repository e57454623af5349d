package io.qwenimage.model.vl;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.language.KeyValueCache;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.LanguageModel.LayerObserver;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.vision.PatchShape;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vision.VisionTower.BlockObserver;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Pictures and text to the next token: {@code Qwen2_5_VLForConditionalGeneration} and its siblings of transformers.
 * Immutable; a conversation's state is a {@link Conversation}.
 */
public final class VisionLanguageModel {
    private final Backend backend;
    private final VisionTower visual;
    private final LanguageModel languageModel;
    private final Tensor lmHead;
    private final PatchShape patches;
    private final int imageToken;

    /**
     * Puts the parts together.
     *
     * @param lmHead     [vocabulary, D], prepared for {@link Backend#linear}
     * @param patches    what the tower's patches consist of
     * @param imageToken the token that stands for a picture's vectors
     */
    public VisionLanguageModel(final Backend backend, final VisionTower visual, final LanguageModel languageModel,
            final Tensor lmHead, final PatchShape patches, final int imageToken) {
        this.backend = backend;
        this.visual = visual;
        this.languageModel = languageModel;
        this.lmHead = lmHead;
        this.patches = patches;
        this.imageToken = imageToken;
    }

    /** The token that stands for a picture's vectors. */
    public int imageToken() {
        return imageToken;
    }

    /** What the tower's patches consist of. */
    public PatchShape patches() {
        return patches;
    }

    /**
     * Encodes pictures.
     *
     * @param arena the owner of the result
     */
    public VisionTower.Features encode(final Arena arena, final HostTensor pixelValues, final List<VisionGrid> grids,
            final Cancellation cancellation, final BlockObserver observer) {
        return visual.encode(arena, pixelValues, grids, cancellation, observer);
    }

    /**
     * Hidden states of a whole prompt after the final norm.
     *
     * @param arena    the owner of the result
     * @param features of the pictures, or null if there are none
     * @param cache    an empty one, which grows by the prompt; null for none
     * @return [L, D]
     * @throws IllegalArgumentException if pictures and picture tokens do not agree in number
     */
    public Tensor prompt(final Arena arena, final int[] ids, final VisionTower.Features features,
            final PromptLayout layout, final KeyValueCache cache, final Cancellation cancellation,
            final LayerObserver observer) {
        try (Arena scratch = arena.open("prompt")) {
            final Tensor embeddings = embeddings(scratch, ids, features, layout.spans());
            final LanguageModel.Deepstack deepstack = features == null ? LanguageModel.Deepstack.NONE
                    : new LanguageModel.Deepstack(features.deepstack().stream()
                            .map(layer -> pictureParts(layer, layout.spans())).toList(), layout.spans());
            return scratch.keep(languageModel.forward(scratch, embeddings, layout.positions(), cache, deepstack,
                    cancellation, observer)); // [L, D]
        }
    }

    /**
     * Opens a conversation.
     *
     * @param arena    the owner of its state
     * @param capacity how many tokens it may have
     */
    public Conversation converse(final Arena arena, final int capacity) {
        return new Conversation(arena, new KeyValueCache(backend, arena, languageModel.config(), capacity));
    }

    /** Where pictures and tokens of a prompt stand. */
    public PromptLayout layout(final int[] ids, final List<VisionGrid> grids) {
        return PromptLayout.of(ids, imageToken, grids, patches.mergeSize());
    }

    /** The state of one conversation: what was said, as keys and values; valid as long as its arena. */
    public final class Conversation {
        private final Arena arena;
        private final KeyValueCache cache;
        private int position;

        private Conversation(final Arena arena, final KeyValueCache cache) {
            this.arena = arena;
            this.cache = cache;
        }

        /**
         * Begins with a prompt.
         *
         * @return the logits of the first token of the answer, [vocabulary]
         */
        public HostTensor begin(final int[] ids, final VisionTower.Features features, final PromptLayout layout,
                final Cancellation cancellation) {
            try (Arena scratch = arena.open("prompt")) {
                final Tensor hidden = prompt(scratch, ids, features, layout, cache, cancellation, LayerObserver.NONE);
                position = layout.positions().next();
                final long width = hidden.shape().extent(1);
                return logits(scratch, backend.slice(hidden, (ids.length - 1) * width, Shape.of(1, width)));
            }
        }

        /**
         * Adds a token of the answer.
         *
         * @return the logits of the next one, [vocabulary]
         */
        public HostTensor next(final int token, final Cancellation cancellation) {
            try (Arena scratch = arena.open("token")) {
                final Tensor hidden = languageModel.forward(scratch, languageModel.embed(scratch, token),
                        Positions.text(position, 1), cache, LanguageModel.Deepstack.NONE, cancellation,
                        LayerObserver.NONE);
                position++;
                return logits(scratch, hidden);
            }
        }

        private HostTensor logits(final Arena scratch, final Tensor hidden) {
            final HostTensor logits = backend.download(
                    backend.linear(scratch, hidden, lmHead, null, Activation.NONE, null));
            return logits.reshape(logits.shape().extent(-1));
        }
    }

    /** Tokens as vectors, picture tokens replaced by the pictures' vectors: [L, D]. */
    private Tensor embeddings(final Arena arena, final int[] ids, final VisionTower.Features features,
            final List<int[]> spans) {
        final Tensor text = languageModel.embed(arena, ids);
        if (features == null) {
            return text;
        }
        final List<Tensor> pictures = pictureParts(features.embeddings(), spans);
        final List<Tensor> parts = new ArrayList<>();
        int token = 0;
        for (int i = 0; i < spans.size(); i++) {
            final int first = spans.get(i)[0];
            if (first > token) {
                parts.add(rows(text, token, first - token));
            }
            parts.add(pictures.get(i));
            token = first + spans.get(i)[1];
        }
        if (token < ids.length) {
            parts.add(rows(text, token, ids.length - token));
        }
        return backend.concat(arena, parts.toArray(new Tensor[0]));
    }

    private List<Tensor> pictureParts(final Tensor features, final List<int[]> spans) {
        final List<Tensor> parts = new ArrayList<>();
        int row = 0;
        for (final int[] span : spans) {
            parts.add(rows(features, row, span[1]));
            row += span[1];
        }
        return parts;
    }

    private Tensor rows(final Tensor x, final long first, final long count) {
        final long width = x.shape().extent(1);
        return backend.slice(x, first * width, Shape.of(count, width));
    }
}
