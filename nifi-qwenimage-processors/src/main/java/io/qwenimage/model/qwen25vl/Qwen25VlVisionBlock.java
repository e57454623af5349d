package io.qwenimage.model.qwen25vl;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.model.vision.VisionAttention;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.Tensor;

/** Attention and gated feed-forward layer, {@code Qwen2_5_VLVisionBlock} of transformers. */
record Qwen25VlVisionBlock(Backend backend, RmsNorm norm1, RmsNorm norm2, VisionAttention attn, Linear gateProj,
        Linear upProj, Linear downProj) {
    static Qwen25VlVisionBlock load(final ModuleScope scope, final Qwen25VlVisionConfig config) {
        final int width = config.hiddenSize();
        final ModuleScope mlp = scope.sub("mlp");
        return new Qwen25VlVisionBlock(scope.backend(),
                RmsNorm.load(scope.sub("norm1"), width, Qwen25VlVisionConfig.NORM_EPS),
                RmsNorm.load(scope.sub("norm2"), width, Qwen25VlVisionConfig.NORM_EPS),
                VisionAttention.load(scope.sub("attn"), width, config.numHeads()),
                Linear.load(mlp.sub("gate_proj"), width, config.intermediateSize()),
                Linear.load(mlp.sub("up_proj"), width, config.intermediateSize()),
                Linear.load(mlp.sub("down_proj"), config.intermediateSize(), width));
    }

    /** [L, D] to [L, D]. */
    Tensor forward(final Arena arena, final Tensor hidden, final RotaryTable rotary, final AttentionPattern pattern) {
        final Tensor attended = attn.forward(arena, norm1.forward(arena, hidden), rotary, pattern, hidden);
        final Tensor normed = norm2.forward(arena, attended);
        final Tensor gated = backend.swiGlu(arena, gateProj.forward(arena, normed), upProj.forward(arena, normed));
        return downProj.forward(arena, gated, attended);
    }
}
