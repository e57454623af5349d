package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vl.PromptLayout;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** From a prompt, alone or with pictures, to the embeddings that guide the denoiser. */
final class TextEncoding implements Stage {
    private static final int DEFAULT_IMAGE_TOKEN = 151655;

    private final Backend backend;
    private final PipelineKind kind;
    private final PicturePositions picturePositions;
    private final int imageToken;
    private final int mergeSize;
    private final Tokenizer tokenizer;
    private final LoadedComponent<LanguageModel> textEncoder;

    TextEncoding(final ModelFolder folder, final ComponentStore store, final PicturePositions picturePositions,
            final Cancellation cancellation) {
        backend = store.backend();
        this.picturePositions = picturePositions;
        kind = folder.kind();
        final ConfigFile file = folder.config(ModelFolder.TEXT_ENCODER);
        final LanguageConfig config = Qwen25VlLanguage.config(file);
        imageToken = file.intAt("image_token_id", DEFAULT_IMAGE_TOKEN);
        mergeSize = kind.edits() ? Qwen25VlVisionConfig.read(file).patches().mergeSize() : 1;
        tokenizer = Tokenizer.open(folder.tokenizer());
        try {
            textEncoder = store.load(folder.component(ModelFolder.TEXT_ENCODER), LanguageModel.class, LanguageModel::scope,
                    scope -> new LanguageModel(scope, config), cancellation);
        } catch (RuntimeException | Error e) {
            tokenizer.close();
            throw e;
        }
    }

    /**
     * Encodes one prompt.
     *
     * @param maxTokens how many tokens after the dropped ones are kept
     * @return [n, d], F32
     */
    HostTensor encode(final String prompt, final int maxTokens, final Cancellation cancellation) {
        final PromptTemplate template = kind.template();
        final int[] ids = template.truncated(tokenizer.encode(template.apply(prompt)));
        checkLength(ids.length);
        try (Arena arena = backend.openArena("text encoding")) {
            final Tensor embeddings = textEncoder.model().embed(arena, ids); // [L, D]
            return kept(arena, embeddings, Positions.text(0, ids.length), maxTokens, cancellation);
        }
    }

    /**
     * Encodes one prompt together with pictures; the whole prompt is kept, as in the reference.
     *
     * @return [n, d], F32: the pictures' tokens are among them
     */
    HostTensor encode(final String prompt, final EditPictures pictures, final Cancellation cancellation) {
        final long[] pictureTokens = pictureTokens(pictures);
        final int[] ids = kind.template().tokens(tokenizer, kind::label, imageToken, pictureTokens, prompt);
        checkLength(ids.length);
        final PromptLayout layout = PromptLayout.of(ids, imageToken, pictures.grids(), mergeSize);
        try (Arena arena = backend.openArena("text encoding")) {
            final Tensor embeddings = embeddings(arena, ids, pictures, layout); // [L, D]
            final Positions positions = picturePositions == PicturePositions.SPATIAL ? layout.positions()
                    : Positions.text(0, ids.length);
            return kept(arena, embeddings, positions, ids.length, cancellation);
        }
    }

    @Override
    public void close() {
        textEncoder.close();
        tokenizer.close();
    }

    private HostTensor kept(final Arena arena, final Tensor embeddings, final Positions positions,
            final int maxTokens, final Cancellation cancellation) {
        final Tensor hidden = textEncoder.model().forward(arena, embeddings, positions, null,
                LanguageModel.Deepstack.NONE, cancellation, LanguageModel.LayerObserver.NONE); // [L, D]
        final int dropped = kind.template().droppedTokens();
        final long width = hidden.shape().extent(-1);
        final long kept = Math.min(maxTokens, hidden.shape().extent(0) - dropped);
        return backend.download(backend.slice(hidden, dropped * width, Shape.of(kept, width)));
    }

    /** Tokens as vectors, those of pictures replaced by the pictures' own: [L, D]. */
    private Tensor embeddings(final Arena arena, final int[] ids, final EditPictures pictures,
            final PromptLayout layout) {
        final Tensor text = textEncoder.model().embed(arena, ids);
        final List<Tensor> parts = new ArrayList<>();
        int token = 0;
        for (int i = 0; i < layout.spans().size(); i++) {
            final int[] span = layout.spans().get(i);
            parts.add(rows(text, token, span[0] - token)); // never empty: the template begins with text
            parts.add(backend.upload(arena, pictures.embeddings().get(i)));
            token = span[0] + span[1];
        }
        parts.add(rows(text, token, ids.length - token));
        return backend.concat(arena, parts.toArray(new Tensor[0]));
    }

    private Tensor rows(final Tensor x, final long first, final long count) {
        final long width = x.shape().extent(1);
        return backend.slice(x, first * width, Shape.of(count, width));
    }

    private long[] pictureTokens(final EditPictures pictures) {
        final int width = textEncoder.model().config().hiddenSize();
        final long[] tokens = new long[pictures.grids().size()];
        for (int k = 0; k < tokens.length; k++) {
            final VisionGrid grid = pictures.grids().get(k);
            tokens[k] = (long) grid.time() * (grid.rows() / mergeSize) * (grid.columns() / mergeSize);
            final Shape expected = Shape.of(tokens[k], width);
            if (tokens[k] == 0 || !pictures.embeddings().get(k).shape().equals(expected)) {
                throw new DataException("tensor vision_embeds." + k + " of the bundle has shape "
                        + pictures.embeddings().get(k).shape() + " but its grid " + grid + " and this model want "
                        + expected + "; encode the picture with this model");
            }
        }
        return tokens;
    }

    private void checkLength(final int tokens) {
        final int dropped = kind.template().droppedTokens();
        if (tokens <= dropped) {
            throw new DataException("the prompt and its template have " + tokens + " tokens, of which the first "
                    + dropped + " are dropped; the tokenizer does not belong to this model");
        }
        if (tokens - dropped > PromptTemplate.MAXIMUM_KEPT_TOKENS) {
            throw new DataException("the prompt and its pictures have " + (tokens - dropped) + " tokens; at most "
                    + PromptTemplate.MAXIMUM_KEPT_TOKENS + " have a position in the model. Shorten the prompt");
        }
    }
}
