package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** Attention over text and picture together, {@code QwenDoubleStreamAttnProcessor2_0} of diffusers; text comes first. */
record JointAttention(Backend backend, int heads, RmsNorm normQ, RmsNorm normK, Linear toQ, Linear toK, Linear toV,
        Linear addKProj, Linear addVProj, Linear addQProj, Linear toOut, Linear toAddOut, RmsNorm normAddedQ,
        RmsNorm normAddedK) {
    /** Both streams after attention, each [L, D]. */
    record Output(Tensor image, Tensor text) {
    }

    static JointAttention load(final ModuleScope scope, final QwenImageConfig config) {
        final int width = config.innerDim();
        final int headDim = config.attentionHeadDim();
        return new JointAttention(scope.backend(), config.numAttentionHeads(),
                RmsNorm.load(scope.sub("norm_q"), headDim, QwenImageConfig.NORM_EPS),
                RmsNorm.load(scope.sub("norm_k"), headDim, QwenImageConfig.NORM_EPS),
                Linear.load(scope.sub("to_q"), width, width),
                Linear.load(scope.sub("to_k"), width, width),
                Linear.load(scope.sub("to_v"), width, width),
                Linear.load(scope.sub("add_k_proj"), width, width),
                Linear.load(scope.sub("add_v_proj"), width, width),
                Linear.load(scope.sub("add_q_proj"), width, width),
                Linear.load(scope.sub("to_out.0"), width, width),
                Linear.load(scope.sub("to_add_out"), width, width),
                RmsNorm.load(scope.sub("norm_added_q"), headDim, QwenImageConfig.NORM_EPS),
                RmsNorm.load(scope.sub("norm_added_k"), headDim, QwenImageConfig.NORM_EPS));
    }

    /**
     * Lets every token see every token.
     *
     * @param image [L_image, D]
     * @param text  [L_text, D]
     */
    Output forward(final Arena arena, final Tensor image, final Tensor text, final JointRope rope) {
        final Tensor query = backend.concat(arena,
                rotated(arena, addQProj.forward(arena, text), normAddedQ, rope.text()),
                rotated(arena, toQ.forward(arena, image), normQ, rope.image())); // [L_text + L_image, H, D]
        final Tensor key = backend.concat(arena,
                rotated(arena, addKProj.forward(arena, text), normAddedK, rope.text()),
                rotated(arena, toK.forward(arena, image), normK, rope.image()));
        final Tensor joint = backend.concat(arena, addVProj.forward(arena, text), toV.forward(arena, image));
        final Tensor value = backend.slice(joint, 0, query.shape()); // [L_text + L_image, H, D]

        final float scale = (float) (1 / Math.sqrt(query.shape().extent(-1)));
        final Tensor attended = backend.attention(arena, query, key, value, AttentionPattern.FULL, scale);

        final long width = attended.shape().extent(-1);
        final long textLength = text.shape().extent(0);
        final Tensor textPart = backend.slice(attended, 0, Shape.of(textLength, width));
        final Tensor imagePart = backend.slice(attended, textLength * width,
                Shape.of(image.shape().extent(0), width));
        return new Output(toOut.forward(arena, imagePart), toAddOut.forward(arena, textPart));
    }

    private Tensor rotated(final Arena arena, final Tensor x, final RmsNorm norm, final RotaryTable rotary) {
        return backend.qkNormRope(arena, x, heads, norm.weight(), norm.eps(), rotary); // [L, H, D]
    }
}
