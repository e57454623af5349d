package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.language.LanguageConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.tokenizer.Tokenizer;

/** From a prompt to the embeddings that guide the denoiser. */
final class TextEncoding implements StandardQwenImagePipeline.Stage {
    private final Backend backend;
    private final Tokenizer tokenizer;
    private final LoadedComponent<LanguageModel> textEncoder;

    TextEncoding(final ModelFolder folder, final Backend backend) {
        this.backend = backend;
        final LanguageConfig config = Qwen25VlLanguage.config(folder.config(ModelFolder.TEXT_ENCODER));
        tokenizer = Tokenizer.open(folder.component(ModelFolder.TOKENIZER));
        try {
            textEncoder = LoadedComponent.load(folder, ModelFolder.TEXT_ENCODER, backend, LanguageModel::scope,
                    scope -> new LanguageModel(scope, config));
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
        final PromptTemplate template = PromptTemplate.TEXT_TO_IMAGE;
        final int[] ids = template.truncated(tokenizer.encode(template.apply(prompt)));
        if (ids.length <= template.droppedTokens()) {
            throw new DataException("the prompt and its template have " + ids.length + " tokens, of which the first "
                    + template.droppedTokens() + " are dropped; the tokenizer does not belong to this model");
        }
        try (Arena arena = backend.openArena("text encoding")) {
            final LanguageModel model = textEncoder.model();
            final Tensor hidden = model.forward(arena, model.embed(arena, ids), Positions.text(0, ids.length), null,
                    LanguageModel.Deepstack.NONE, cancellation, LanguageModel.LayerObserver.NONE); // [L, D]
            final long width = hidden.shape().extent(-1);
            final long kept = Math.min(maxTokens, hidden.shape().extent(0) - template.droppedTokens());
            return backend.download(backend.slice(hidden, template.droppedTokens() * width, Shape.of(kept, width)));
        }
    }

    @Override
    public void close() {
        textEncoder.close();
        tokenizer.close();
    }
}
