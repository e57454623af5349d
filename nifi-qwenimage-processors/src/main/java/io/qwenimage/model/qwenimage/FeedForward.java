package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** Two linear layers with GELU (tanh form) between, {@code FeedForward} of diffusers. */
record FeedForward(Linear projection, Linear output) {
    /** Hidden width in multiples of the outer, the default of diffusers' {@code FeedForward}. */
    private static final int EXPANSION = 4;

    static FeedForward load(final ModuleScope scope, final int width) {
        return new FeedForward(Linear.load(scope.sub("net.0.proj"), width, EXPANSION * width),
                Linear.load(scope.sub("net.2"), EXPANSION * width, width));
    }

    /** [L, D] to [L, D]. */
    Tensor forward(final Arena arena, final Tensor x) {
        final Tensor hidden = projection.forward(arena, x, Activation.GELU_TANH); // [L, 4 D]
        return output.forward(arena, hidden); // [L, D]
    }
}
