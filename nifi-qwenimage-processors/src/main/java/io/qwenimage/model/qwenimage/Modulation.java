package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** The shift, scale and gate that the timestep gives to the two halves of a block: {@code img_mod}, {@code txt_mod}. */
record Modulation(Backend backend, Linear linear) {
    /** What one half of a block gets, each [D]. */
    record Parameters(Tensor shift, Tensor scale, Tensor gate) {
    }

    static Modulation load(final ModuleScope scope, final int width) {
        return new Modulation(scope.backend(), Linear.load(scope.sub(1), width, 6 * width)); // entry 0 is the SiLU
    }

    /**
     * For attention [0] and for the feed-forward layer [1].
     *
     * @param activated silu(temb), [1, D]
     */
    Parameters[] forward(final Arena arena, final Tensor activated) {
        final Tensor parameters = linear.forward(arena, activated); // [1, 6 D]
        final int width = activated.shape().intExtent(-1);
        return new Parameters[] {part(parameters, 0, width), part(parameters, 3, width)};
    }

    private Parameters part(final Tensor parameters, final int first, final int width) {
        final Shape shape = Shape.of(width);
        return new Parameters(backend.slice(parameters, (long) first * width, shape),
                backend.slice(parameters, (long) (first + 1) * width, shape),
                backend.slice(parameters, (long) (first + 2) * width, shape));
    }
}
