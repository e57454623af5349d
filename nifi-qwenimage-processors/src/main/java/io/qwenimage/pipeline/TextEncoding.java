package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.qwen25vl.Qwen25VlTextConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlTextModel;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.tokenizer.Tokenizer;

/** From a prompt to the embeddings that guide the denoiser. */
final class TextEncoding implements StandardQwenImagePipeline.Stage {
    private final Backend backend;
    private final Tokenizer tokenizer;
    private final LoadedComponent<Qwen25VlTextModel> textEncoder;

    TextEncoding(final ModelFolder folder, final Backend backend) {
        this.backend = backend;
        final Qwen25VlTextConfig config = Qwen25VlTextConfig.read(folder.config(ModelFolder.TEXT_ENCODER));
        tokenizer = Tokenizer.open(folder.component(ModelFolder.TOKENIZER));
        try {
            textEncoder = LoadedComponent.load(folder, ModelFolder.TEXT_ENCODER, backend, Qwen25VlTextModel::scope,
                    scope -> new Qwen25VlTextModel(scope, config));
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
            final Tensor hidden = textEncoder.model().forward(arena, ids, cancellation,
                    Qwen25VlTextModel.LayerObserver.NONE); // [L, D]
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
