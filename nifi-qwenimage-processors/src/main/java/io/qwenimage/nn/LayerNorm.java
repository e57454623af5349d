package io.qwenimage.nn;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Tensor;

/**
 * Layer norm over the last axis, arXiv 1607.06450.
 *
 * @param weight [D]
 * @param bias   [D]
 * @param eps    added to the variance
 */
public record LayerNorm(Backend backend, Tensor weight, Tensor bias, float eps) {
    /** Reads {@code weight} and {@code bias}. */
    public static LayerNorm load(final ModuleScope scope, final int width, final float eps) {
        return new LayerNorm(scope.backend(), scope.weight("weight", WeightRole.VECTOR, width),
                scope.weight("bias", WeightRole.VECTOR, width), eps);
    }

    /** [L, D] to [L, D]. */
    public Tensor forward(final Arena arena, final Tensor x) {
        return backend.layerNorm(arena, x, weight, bias, eps);
    }
}
