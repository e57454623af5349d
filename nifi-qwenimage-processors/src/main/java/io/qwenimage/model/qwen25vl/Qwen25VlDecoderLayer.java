package io.qwenimage.model.qwen25vl;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Tensor;

/** Attention and feed-forward layer, each behind a norm, {@code Qwen2_5_VLDecoderLayer} of transformers. */
record Qwen25VlDecoderLayer(Qwen25VlAttention selfAttn, Qwen25VlMlp mlp, RmsNorm inputLayernorm,
        RmsNorm postAttentionLayernorm) {
    static Qwen25VlDecoderLayer load(final ModuleScope scope, final Qwen25VlTextConfig config) {
        return new Qwen25VlDecoderLayer(
                Qwen25VlAttention.load(scope.sub("self_attn"), config),
                Qwen25VlMlp.load(scope.sub("mlp"), config),
                RmsNorm.load(scope.sub("input_layernorm"), config.hiddenSize(), config.rmsNormEps()),
                RmsNorm.load(scope.sub("post_attention_layernorm"), config.hiddenSize(), config.rmsNormEps()));
    }

    /** [L, D] to [L, D]. */
    Tensor forward(final Arena arena, final Tensor hidden, final RotaryTable rotary) {
        final Tensor attended = selfAttn.forward(arena, inputLayernorm.forward(arena, hidden), rotary, hidden);
        return mlp.forward(arena, postAttentionLayernorm.forward(arena, attended), attended);
    }
}
