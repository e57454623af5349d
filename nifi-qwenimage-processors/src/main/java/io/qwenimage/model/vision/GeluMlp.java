package io.qwenimage.model.vision;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** Two linear layers with a non-linearity between. */
public record GeluMlp(Linear first, Activation activation, Linear second) {
    /**
     * Reads both layers.
     *
     * @param names of the two layers in the checkpoint
     */
    public static GeluMlp load(final ModuleScope scope, final String[] names, final int in, final int hidden,
            final int out, final Activation activation) {
        return new GeluMlp(Linear.load(scope.sub(names[0]), in, hidden), activation,
                Linear.load(scope.sub(names[1]), hidden, out));
    }

    /** [L, in] to [L, out]. */
    public Tensor forward(final Arena arena, final Tensor x) {
        return second.forward(arena, first.forward(arena, x, activation));
    }

    /** [L, in] to [L, out], then a sum with a residual [L, out]. */
    public Tensor forward(final Arena arena, final Tensor x, final Tensor residual) {
        return second.forward(arena, first.forward(arena, x, activation), residual);
    }
}
