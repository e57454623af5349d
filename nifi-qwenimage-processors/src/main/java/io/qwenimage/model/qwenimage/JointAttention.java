package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.JointHeads;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Tensor;

/** Attention over text and picture together, {@code QwenDoubleStreamAttnProcessor2_0} of diffusers; text comes first. */
record JointAttention(Backend backend, int heads, RmsNorm normQ, RmsNorm normK, Linear toQ, Linear toK, Linear toV,
        Linear addKProj, Linear addVProj, Linear addQProj, Linear toOut, Linear toAddOut, RmsNorm normAddedQ,
        RmsNorm normAddedK) {
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
     * Lets every token see every token of its sequence.
     *
     * @param image     [L_image, D], the pictures of all sequences
     * @param text      [L_text, D], the texts of all sequences
     * @param sequences where text and pictures of each begin
     * @return [L_text + L_image, D], in the order of joint attention
     */
    Tensor forward(final Arena arena, final Tensor image, final Tensor text, final JointRope rope,
            final JointSequences sequences) {
        final JointHeads joint = backend.jointHeads(arena,
                new JointHeads.Stream(text, projection(addQProj), projection(addKProj), projection(addVProj),
                        normAddedQ.weight(), normAddedK.weight(), rope.text()),
                new JointHeads.Stream(image, projection(toQ), projection(toK), projection(toV),
                        normQ.weight(), normK.weight(), rope.image()),
                heads, normQ.eps(), sequences); // [L_text + L_image, H, D]

        final float scale = (float) (1 / Math.sqrt(joint.query().shape().extent(-1)));
        return backend.attention(arena, joint.query(), joint.key(), joint.value(), sequences.pattern(), scale);
    }

    /** What attention gives to the image stream, [L_image, D]. */
    Tensor image(final Arena arena, final Tensor attended, final JointSequences sequences) {
        return toOut.forward(arena, sequences.secondOf(backend, arena, attended));
    }

    /** What attention gives to the text stream, [L_text, D]. */
    Tensor text(final Arena arena, final Tensor attended, final JointSequences sequences) {
        return toAddOut.forward(arena, sequences.firstOf(backend, arena, attended));
    }

    private static JointHeads.Projection projection(final Linear linear) {
        return new JointHeads.Projection(linear.weight(), linear.bias());
    }
}
