package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * Causal attention with grouped heads: {@code Qwen2_5_VLAttention} and {@code Qwen3VLTextAttention} of transformers,
 * which differ in what their projections consist of; norms that a model has not are null.
 */
record LanguageAttention(Backend backend, int heads, int keyValueHeads, Linear qProj, Linear kProj, Linear vProj,
        Linear oProj, RmsNorm qNorm, RmsNorm kNorm) {
    static LanguageAttention load(final ModuleScope scope, final LanguageConfig config) {
        final boolean normalised = config.projections() == LanguageConfig.Projections.NORMALISED;
        final int hidden = config.hiddenSize();
        final int queryWidth = config.numAttentionHeads() * config.headDim();
        final int keyValueWidth = config.numKeyValueHeads() * config.headDim();
        return new LanguageAttention(scope.backend(), config.numAttentionHeads(), config.numKeyValueHeads(),
                projection(scope.sub("q_proj"), normalised, hidden, queryWidth),
                projection(scope.sub("k_proj"), normalised, hidden, keyValueWidth),
                projection(scope.sub("v_proj"), normalised, hidden, keyValueWidth),
                Linear.withoutBias(scope.sub("o_proj"), queryWidth, hidden),
                normalised ? RmsNorm.load(scope.sub("q_norm"), config.headDim(), config.rmsNormEps()) : null,
                normalised ? RmsNorm.load(scope.sub("k_norm"), config.headDim(), config.rmsNormEps()) : null);
    }

    /**
     * Attention to all tokens so far, then a sum with the residual.
     *
     * @param x        [L, D], normalised
     * @param layer    number of the decoder layer
     * @param cache    earlier tokens, or null for none
     * @param residual [L, D]
     */
    Tensor forward(final Arena arena, final Tensor x, final RotaryTable rotary, final int layer,
            final KeyValueCache cache, final Tensor residual) {
        final long length = x.shape().extent(0);
        final Tensor query = rotated(arena, qProj.forward(arena, x), heads, qNorm, rotary); // [L, H, D/H]
        final Tensor key = rotated(arena, kProj.forward(arena, x), keyValueHeads, kNorm, rotary); // [L, Hkv, D/H]
        final long headDim = query.shape().extent(-1);
        final Tensor value = backend.slice(vProj.forward(arena, x), 0, Shape.of(length, keyValueHeads, headDim));
        final KeyValueCache.Entry seen = cache == null ? new KeyValueCache.Entry(key, value)
                : cache.append(layer, key, value); // [earlier + L, Hkv, D/H]
        final float scale = (float) (1 / Math.sqrt(headDim));
        final Tensor attended = backend.attention(arena, query, seen.key(), seen.value(), AttentionPattern.CAUSAL,
                scale); // [L, D]
        return oProj.forward(arena, attended, residual);
    }

    private Tensor rotated(final Arena arena, final Tensor x, final int count, final RmsNorm norm,
            final RotaryTable rotary) {
        return norm == null ? backend.qkNormRope(arena, x, count, null, 0, rotary)
                : backend.qkNormRope(arena, x, count, norm.weight(), norm.eps(), rotary);
    }

    private static Linear projection(final ModuleScope scope, final boolean normalised, final int in, final int out) {
        return normalised ? Linear.withoutBias(scope, in, out) : Linear.load(scope, in, out);
    }
}
