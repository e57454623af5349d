package io.qwenimage.model.qwen25vl;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** Causal attention with grouped heads, {@code Qwen2_5_VLAttention} of transformers. */
record Qwen25VlAttention(Backend backend, int heads, int keyValueHeads, Linear qProj, Linear kProj, Linear vProj,
        Linear oProj) {
    static Qwen25VlAttention load(final ModuleScope scope, final Qwen25VlTextConfig config) {
        final int hidden = config.hiddenSize();
        final int keyValueWidth = config.numKeyValueHeads() * config.headDim();
        return new Qwen25VlAttention(scope.backend(), config.numAttentionHeads(), config.numKeyValueHeads(),
                Linear.load(scope.sub("q_proj"), hidden, hidden),
                Linear.load(scope.sub("k_proj"), hidden, keyValueWidth),
                Linear.load(scope.sub("v_proj"), hidden, keyValueWidth),
                Linear.withoutBias(scope.sub("o_proj"), hidden, hidden));
    }

    /**
     * Attention, then a sum with the residual.
     *
     * @param x        [L, D], normalised
     * @param residual [L, D]
     */
    Tensor forward(final Arena arena, final Tensor x, final RotaryTable rotary, final Tensor residual) {
        final long length = x.shape().extent(0);
        final Tensor query = backend.qkNormRope(arena, qProj.forward(arena, x), heads, null, 0, rotary); // [L, H, D/H]
        final Tensor key = backend.qkNormRope(arena, kProj.forward(arena, x), keyValueHeads, null, 0, rotary);
        final long headDim = query.shape().extent(-1);
        final Tensor value = backend.slice(vProj.forward(arena, x), 0, Shape.of(length, keyValueHeads, headDim));
        final float scale = (float) (1 / Math.sqrt(headDim));
        final Tensor attended = backend.attention(arena, query, key, value, AttentionPattern.CAUSAL, scale); // [L, D]
        return oProj.forward(arena, attended, residual);
    }
}
