package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** The gated feed-forward layer, {@code Qwen2MLP} of transformers; SwiGLU of arXiv 2002.05202. */
record LanguageMlp(Backend backend, Linear gateProj, Linear upProj, Linear downProj) {
    static LanguageMlp load(final ModuleScope scope, final LanguageConfig config) {
        final int hidden = config.hiddenSize();
        final int intermediate = config.intermediateSize();
        return new LanguageMlp(scope.backend(),
                Linear.withoutBias(scope.sub("gate_proj"), hidden, intermediate),
                Linear.withoutBias(scope.sub("up_proj"), hidden, intermediate),
                Linear.withoutBias(scope.sub("down_proj"), intermediate, hidden));
    }

    /** [L, D], then a sum with the residual [L, D]. */
    Tensor forward(final Arena arena, final Tensor x, final Tensor residual) {
        final Tensor gated = backend.swiGlu(arena, gateProj.forward(arena, x), upProj.forward(arena, x));
        return downProj.forward(arena, gated, residual);
    }
}
