package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Tensor;

/** Attention and feed-forward layer, each behind a norm, {@code Qwen2_5_VLDecoderLayer} of transformers. */
record DecoderLayer(LanguageAttention selfAttn, LanguageMlp mlp, RmsNorm inputLayernorm,
        RmsNorm postAttentionLayernorm) {
    static DecoderLayer load(final ModuleScope scope, final LanguageConfig config) {
        return new DecoderLayer(
                LanguageAttention.load(scope.sub("self_attn"), config),
                LanguageMlp.load(scope.sub("mlp"), config),
                RmsNorm.load(scope.sub("input_layernorm"), config.hiddenSize(), config.rmsNormEps()),
                RmsNorm.load(scope.sub("post_attention_layernorm"), config.hiddenSize(), config.rmsNormEps()));
    }

    /** [L, D] to [L, D]; the layer's number finds its part of the cache, which may be null. */
    Tensor forward(final Arena arena, final Tensor hidden, final RotaryTable rotary, final int layer,
            final KeyValueCache cache) {
        final Tensor attended = selfAttn.forward(arena, inputLayernorm.forward(arena, hidden), rotary, layer, cache,
                hidden);
        return mlp.forward(arena, postAttentionLayernorm.forward(arena, attended), attended);
    }
}
