package io.qwenimage.nn;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Tensor;

/**
 * Root mean square norm over the last axis, arXiv 1910.07467.
 *
 * @param weight [D]
 * @param eps    added to the mean square
 */
public record RmsNorm(Backend backend, Tensor weight, float eps) {
    /** Reads {@code weight}. */
    public static RmsNorm load(final ModuleScope scope, final int width, final float eps) {
        return new RmsNorm(scope.backend(), scope.weight("weight", WeightRole.VECTOR, width), eps);
    }

    /** [L, D] to [L, D]. */
    public Tensor forward(final Arena arena, final Tensor x) {
        return backend.rmsNorm(arena, x, weight, eps);
    }
}
