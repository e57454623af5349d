package io.qwenimage.nn;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Tensor;

/**
 * A table of vectors.
 *
 * @param weight [entries, width]
 */
public record Embedding(Backend backend, Tensor weight) {
    /** Reads {@code weight}. */
    public static Embedding load(final ModuleScope scope, final int entries, final int width) {
        return new Embedding(scope.backend(), scope.weight("weight", WeightRole.EMBEDDING, entries, width));
    }

    /** Rows of the table: [count, width]. */
    public Tensor forward(final Arena arena, final int... ids) {
        return backend.embedding(arena, weight, ids);
    }
}
