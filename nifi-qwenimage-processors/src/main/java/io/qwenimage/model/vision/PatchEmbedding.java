package io.qwenimage.model.vision;

import io.qwenimage.backend.WeightRole;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** {@code patch_embed.proj}: a 3D convolution whose stride is its kernel, a linear layer over flattened patches. */
public final class PatchEmbedding {
    private PatchEmbedding() {
    }

    /**
     * Reads the convolution.
     *
     * @param biased whether it has a bias
     */
    public static Linear load(final ModuleScope scope, final PatchShape shape, final int width, final boolean biased) {
        final Tensor weight = scope.prepare(scope.stored("weight", width, shape.channels(), shape.temporalPatchSize(),
                shape.patchSize(), shape.patchSize()).reshape(width, shape.values()), WeightRole.LINEAR);
        return new Linear(scope.backend(), weight, biased ? scope.weight("bias", WeightRole.VECTOR, width) : null);
    }
}
