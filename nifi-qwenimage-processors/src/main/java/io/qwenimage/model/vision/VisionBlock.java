package io.qwenimage.model.vision;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.LayerNorm;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/**
 * Attention and feed-forward layer behind layer norms: {@code Qwen2VLVisionBlock} and {@code Qwen3VLVisionBlock} of
 * transformers.
 */
public record VisionBlock(LayerNorm norm1, LayerNorm norm2, VisionAttention attn, GeluMlp mlp) {
    /**
     * What blocks differ in.
     *
     * @param width      D
     * @param heads      of attention
     * @param inner      width of the feed-forward layer
     * @param layers     names of its two layers
     * @param activation between them
     * @param eps        of the norms
     */
    public record Form(int width, int heads, int inner, String[] layers, Activation activation, float eps) {
    }

    /** Loads the weights of one block; they belong to the arena of the scope. */
    public static VisionBlock load(final ModuleScope scope, final Form form) {
        return new VisionBlock(LayerNorm.load(scope.sub("norm1"), form.width, form.eps),
                LayerNorm.load(scope.sub("norm2"), form.width, form.eps),
                VisionAttention.load(scope.sub("attn"), form.width, form.heads),
                GeluMlp.load(scope.sub("mlp"), form.layers, form.width, form.inner, form.width, form.activation));
    }

    /** [L, D] to [L, D]. */
    public Tensor forward(final Arena arena, final Tensor hidden, final RotaryTable rotary,
            final AttentionPattern pattern) {
        final Tensor attended = attn.forward(arena, norm1.forward(arena, hidden), rotary, pattern, hidden);
        return mlp.forward(arena, norm2.forward(arena, attended), attended);
    }
}
