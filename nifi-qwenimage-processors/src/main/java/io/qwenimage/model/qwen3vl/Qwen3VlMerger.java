package io.qwenimage.model.qwen3vl;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.model.vision.GeluMlp;
import io.qwenimage.nn.LayerNorm;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * Makes one vector of each block of patches, {@code Qwen3VLVisionPatchMerger} of transformers. The norm acts on patches
 * at the end of the tower, and on whole blocks where features are taken on the way.
 */
record Qwen3VlMerger(Backend backend, LayerNorm norm, GeluMlp mlp, int block, boolean normalisesBlocks) {
    static Qwen3VlMerger load(final ModuleScope scope, final Qwen3VlVisionConfig config,
            final boolean normalisesBlocks) {
        final int block = config.patches().block();
        final int merged = config.hiddenSize() * block;
        return new Qwen3VlMerger(scope.backend(),
                LayerNorm.load(scope.sub("norm"), normalisesBlocks ? merged : config.hiddenSize(),
                        Qwen3VlVisionConfig.NORM_EPS),
                GeluMlp.load(scope, new String[] {"linear_fc1", "linear_fc2"}, merged, merged, config.outHiddenSize(),
                        Activation.GELU), block, normalisesBlocks);
    }

    /** [L, D] to [L / block, D_out]. */
    Tensor forward(final Arena arena, final Tensor hidden) {
        final Tensor normed = normalisesBlocks ? norm.forward(arena, blocks(hidden))
                : blocks(norm.forward(arena, hidden)); // [L / block, block D]
        return mlp.forward(arena, normed);
    }

    private Tensor blocks(final Tensor patches) {
        return backend.slice(patches, 0, Shape.of(patches.shape().extent(0) / block,
                block * patches.shape().extent(1)));
    }
}
