package io.qwenimage.model.vision;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.List;

/**
 * Attention among patches, within pictures or windows: {@code Qwen2_5_VLVisionAttention} of transformers.
 *
 * @param qkv  queries, keys and values
 * @param proj output
 */
public record VisionAttention(Backend backend, int heads, List<Linear> qkv, Linear proj) {
    /** Reads the fused {@code qkv} and {@code proj}. */
    public static VisionAttention load(final ModuleScope scope, final int width, final int heads) {
        return new VisionAttention(scope.backend(), heads, Linear.parts(scope.sub("qkv"), width, width, 3),
                Linear.load(scope.sub("proj"), width, width));
    }

    /**
     * Attention, then a sum with the residual.
     *
     * @param x        [L, D], normalised
     * @param pattern  which patches see each other
     * @param residual [L, D]
     */
    public Tensor forward(final Arena arena, final Tensor x, final RotaryTable rotary,
            final AttentionPattern pattern, final Tensor residual) {
        final Tensor query = rotated(arena, x, 0, rotary); // [L, H, D/H]
        final Tensor key = rotated(arena, x, 1, rotary);
        final long headDim = query.shape().extent(-1);
        final Tensor value = backend.slice(qkv.get(2).forward(arena, x), 0,
                Shape.of(x.shape().extent(0), heads, headDim));
        final float scale = (float) (1 / Math.sqrt(headDim));
        return proj.forward(arena, backend.attention(arena, query, key, value, pattern, scale), residual); // [L, D]
    }

    private Tensor rotated(final Arena arena, final Tensor x, final int part, final RotaryTable rotary) {
        return backend.qkNormRope(arena, qkv.get(part).forward(arena, x), heads, null, 0, rotary);
    }
}
